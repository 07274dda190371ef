import Bytes
import Crypto
public import Evidence
import FoundationEssentials
import Tracing

extension Broker {
    /// Challenges a guest that says what it is, and only later what it wants. Nothing is written.
    ///
    /// - Throws: a ``Refusal`` when the technology is not accepted here.
    public func challengeGuest(_ tee: GuestTEE) throws(Refusal) -> GuestChallenge {
        guard tee != .sample || policy.allowsSample else { throw refused(guest: .sampleNotAllowed) }
        let keys = keys.held.active
        let expires = now().addingTimeInterval(lifetimes.challenge).timeIntervalSince1970.rounded(.down)
        let body = GuestChallengeBody(
            id: Challenge.randomID(), expires: Date(timeIntervalSince1970: expires), tee: tee)
        report(.guestChallenged(tee))
        return GuestChallenge(
            sealed: body.sealed(with: keys), nonce: keys.guestNonce(for: body.id), tee: tee, expires: body.expires)
    }

    /// The challenge with a nonce, before anything else is read of what a guest answers.
    ///
    /// - Parameters:
    ///   - nonce: as the guest says it was challenged, 32 bytes.
    ///   - candidates: every session cookie that came with the answer; the one whose nonce it is counts.
    /// - Throws: a ``Refusal`` (`challengeInvalid`).
    public func awaited(
        _ nonce: [UInt8], session candidates: [some StringProtocol]
    ) throws(Refusal) -> OpenedGuestChallenge {
        let challenges = guestChallenges(among: candidates)
        guard !challenges.isEmpty else {
            throw refused(
                guest: Refusal(
                    .challengeInvalid,
                    "The cookie kbs-session-id is missing or not from this server: start again at /auth and send it back."
                ))
        }
        guard let opened = challenges.first(where: { equalInConstantTime($0.nonce, nonce) }) else { throw notTheNonce }
        return opened
    }

    /// Whether one of these cookies is a challenge of this server's, before anything is read of what came with it.
    public func isChallenge(among candidates: [some StringProtocol]) -> Bool {
        !guestChallenges(among: candidates).isEmpty
    }

    private var notTheNonce: Refusal {
        refused(guest: Refusal(.challengeInvalid, "The nonce is not this session's: start again at /auth."))
    }

    /// Verifies a guest's evidence and opens its session.
    ///
    /// A guest that is attested already, and answers again with the same key, is given what it was given.
    ///
    /// - Parameters:
    ///   - opened: the challenge whose nonce was answered.
    ///   - token: makes what the dialect states of the guest; ``AttestedGuest/token`` is `nil` in what it is given.
    /// - Throws: a ``Refusal``, or what `token` throws.
    public func attestGuest(
        _ answer: GuestAnswer, to opened: OpenedGuestChallenge, token: (AttestedGuest) async throws -> String
    ) async throws -> AttestedGuest {
        let time = now()
        guard equalInConstantTime(opened.nonce, answer.nonce) else { throw notTheNonce }
        if let known = try await known(opened, at: time) {
            guard ExactText(known.key) == ExactText(answer.key) else { throw refused(guest: .challengeUsed) }
            return try await allowed(known)
        }
        guard time < opened.challenge.expires else {
            throw refused(guest: Refusal(.challengeExpired, "The challenge has expired: start again at /auth."))
        }
        guard answer.proof.tee == opened.challenge.tee else {
            throw refused(
                guest: Refusal(
                    .technologyMismatch,
                    "The evidence is of another technology than the challenge: start again at /auth."))
        }
        guard hasRoom() else {
            throw refused(
                guest: Refusal(
                    .unavailable, "The server's disk is nearly full: its operator must make room.", retryAfter: 60))
        }
        let (claims, attempt, machine) = try await traced("kbs.appraisal") { span in
            span?.attributes["kbs.tee"] = opened.challenge.tee.rawValue
            return try await appraise(answer, to: opened, at: time)
        }
        let recorded = RecordedAttempt(attempt, nil, at: time)
        guard let verdict = recorded.verdict else { throw Refusal(.unavailable, "The evidence has no verdict.") }
        let start = time.timeIntervalSince1970
        let guest = AttestedGuest(
            id: opened.challenge.id, claims: claims, key: answer.key, verdict: verdict,
            opened: Date(timeIntervalSince1970: start.rounded(.down)),
            expires: Date(timeIntervalSince1970: (start + lifetimes.session).rounded(.down)), token: nil)
        let attested = guest.stating(try await token(guest))
        let initData = StoredInitData(claims.initDataJSON, of: guest.expires)
        let stored = StoredGuest(
            guest, claims: recorded.claims ?? claims.json, initData: initData?.digest ?? [],
            token: attested.token ?? "", verdictJSON: recorded.verdictJSON, with: opened.keys)
        let new: StoredInitData? =
            if let initData, try await !isKept(initData, until: guest.expires) { initData } else { nil }
        if let (seconds, ofAll) = guestRoom.wait(for: stored, initData: new?.entries.utf8.count ?? 0, of: machine) {
            let whose = ofAll ? "Guests" : attempt.chip.isEmpty ? "This host's guests" : "This chip's guests"
            throw try await refused(
                attempt,
                Refusal(.rateLimited, "\(whose) attest too often: keep the session, or wait.", retryAfter: seconds))
        }
        guard
            try await store.insert(
                stored, initData: new, attempt: recorded, recording: .attest(recorded, stating: claims))
        else {
            // The same guest may have been answered in another connection meanwhile.
            if let known = try await known(opened, at: time), ExactText(known.key) == ExactText(answer.key) {
                return try await allowed(known)
            }
            throw try await refused(attempt, .challengeUsed)
        }
        if let new { recentInitData.remember(new) }
        recentGuests.remember(attested, as: stored, initDataBytes: initData?.entries.utf8.count ?? 0)
        report(.guestAttested(attempt))
        return attested
    }

    /// A guest that is answered again, unless what it rests on has been denied since. It has been read along with the
    /// manifest's seal, as every row that decides is.
    private func allowed(_ known: AttestedGuest) async throws -> AttestedGuest {
        guard let verdict = denial(among: known.claims.evidence.endorsers) else { return known }
        throw try await refused(
            GuestAttempt(tee: known.claims.tee, guest: known.id, chip: known.chip, verdict: verdict),
            Refusal(.evidenceRefused, verdict.sentence))
    }

    /// The attested guest of a session.
    ///
    /// - Parameter candidates: every session cookie that came along; the first one with a session counts.
    /// - Throws: a ``Refusal`` (`sessionInvalid`) when there is none, or it has ended.
    public func guest(session candidates: [some StringProtocol]) async throws -> AttestedGuest {
        guard !candidates.isEmpty else { throw refused(guest: .noGuestYet) }
        let time = now()
        for opened in guestChallenges(among: candidates) {
            if let guest = try await known(opened, at: time) { return guest }
        }
        throw refused(guest: .noGuest)
    }

    /// The attested guest with an id, 16 bytes. For the server's own tokens: when the session ends, so do they.
    ///
    /// - Throws: a ``Refusal`` (`sessionInvalid`).
    public func guest(id: [UInt8]) async throws -> AttestedGuest {
        guard let stored = try await store.guest(id, at: now()),
            let guest = try await guest(stored, sealedBy: await keys.candidates(for: stored.masterKey))
        else { throw refused(guest: .noGuest) }
        return guest
    }

    // MARK: Challenges that come back

    private func guestChallenges(among candidates: [some StringProtocol]) -> [OpenedGuestChallenge] {
        let held = keys.held
        return candidates.prefix(8).compactMap { OpenedGuestChallenge(sealed: $0, with: held) }
    }

    private func known(_ opened: OpenedGuestChallenge, at time: Date) async throws -> AttestedGuest? {
        guard let stored = try await store.guest(opened.challenge.id, at: time) else { return nil }
        return try await guest(stored, sealedBy: [opened.keys])
    }

    private func isKept(_ initData: StoredInitData, until time: Date) async throws -> Bool {
        if recentInitData.isKept(initData.digest, until: time) { return true }
        return try await store.keepsInitData(initData.digest, until: time)
    }

    /// - Returns: `nil` for a row that none of these keys has made.
    private func guest(_ stored: StoredGuest, sealedBy keys: [ServerKeys]) async throws -> AttestedGuest? {
        guard !keys.isEmpty else { return nil }
        if let guest = recentGuests.guest(stored) { return guest }
        guard keys.contains(where: { $0.isGenuine(stored) }) else { return nil }
        guard !stored.initData.isEmpty else { return try AttestedGuest(stored) }
        if let entries = recentInitData.entries(stored.initData) { return try AttestedGuest(stored, initData: entries) }
        // The row's code covers their digest.
        guard let entries = try await store.initData(stored.initData),
            StoredInitData.digest(of: entries) == stored.initData
        else { return nil }
        return try AttestedGuest(stored, initData: entries)
    }

    // MARK: Appraisal

    private func appraise(
        _ answer: GuestAnswer, to opened: OpenedGuestChallenge, at time: Date
    ) async throws -> (GuestClaims, GuestAttempt, machine: String) {
        let initData = answer.initData?.claims ?? [:]
        switch answer.proof {
        case .snp(let report, let offered):
            var expected = SNPExpectations(SNPBinding(reportData: answer.reportData), server: policy.snp)
            expected.binding.hostData = answer.initData?.digest
            let result = try await appraiser.appraise(
                report, offered: offered.certificates, expecting: expected, at: time
            ) { products in
                let cloud = offered.certificates.lazy.compactMap { try? EndorsementKey($0).cspID }.first
                // Anyone can make up a report that is bound to its own key.
                for product in products {
                    var stated = report.claims(of: product)
                    stated[SNPTerm.cspID] = cloud.map { .text($0.text) }
                    let claims = GuestClaims(stated, initData: initData)
                    if try await prospects.letsIn(claims, under: policy) { return true }
                }
                return false
            }
            let claims = GuestClaims(report.claims(provenBy: result.chain), initData: initData)
            let verdict = withDevices(result.verdict, answer)
            let attempt = GuestAttempt(
                tee: .snp, guest: opened.challenge.id, chip: report.namedChip.map { Hex.encode($0) } ?? "",
                verdict: verdict, claims: claims)
            guard result.verdict.isAccepted else { throw try await refused(attempt, refusal(result)) }
            guard verdict.isAccepted else {
                throw try await refused(attempt, Refusal(.evidenceRefused, verdict.sentence))
            }
            // A cloud's key is many hosts': their networks are told from one another.
            let machine = attempt.chip.isEmpty ? Self.machine(result.chain?.chain.key) : attempt.chip
            return (claims, attempt, machine)
        case .sample(let reportData, let svn):
            let verdict = withDevices(
                SampleVerifier.verify(
                    reportData: reportData, expecting: answer.reportData, isAllowed: policy.allowsSample), answer)
            let claims = GuestClaims(Claims(.sample, [SampleTerm.svn: .text(svn)]), initData: initData)
            let attempt = GuestAttempt(
                tee: .sample, guest: opened.challenge.id, chip: "", verdict: verdict,
                claims: claims)
            guard verdict.isAccepted else {
                throw try await refused(attempt, Refusal(.evidenceRefused, verdict.sentence))
            }
            return (claims, attempt, Self.machine(nil))
        }
    }

    private func withDevices(_ verdict: Verdict, _ answer: GuestAnswer) -> Verdict {
        answer.devices.reduce(verdict) {
            $0.withSampleDevice(
                reportData: $1.reportData, expecting: $1.expected, isAllowed: policy.allowsSample)
        }
    }

    /// What the rows of guests are counted by whose chip is hidden.
    private static func machine(_ key: EndorsementKey?) -> String {
        let key = key.map { Hex.encode($0.certificate.publicKeyFingerprint) } ?? "none"
        return "\(key) at \(Caller.network ?? "unknown")"
    }

    private func refused(_ attempt: GuestAttempt, _ refusal: Refusal) async throws -> Refusal {
        report(.guestRefused(attempt, refusal))
        let recorded = RecordedAttempt(attempt, refusal, at: now())
        try await keep(
            recorded, [.attest(recorded)],
            in: budgets.budget(for: attempt.verdict))
        return refusal
    }

    /// What is refused before any evidence is looked at. The edge has it kept, as far as there is room: anyone can cause it.
    private func refused(guest refusal: Refusal) -> Refusal {
        report(.answerRefused(refusal))
        return refusal
    }
}

/// A guest's evidence that was looked at, or its wish for a resource that was decided on.
public struct GuestAttempt: Sendable {
    public let tee: GuestTEE
    /// The challenge's id, 16 bytes.
    let guest: [UInt8]
    /// Its first bytes, in hex: tells a guest's log lines from another's.
    public var session: String { Challenge.shortID(of: guest) }
    /// In hex; a claim unless the verdict is genuine. Empty when hidden.
    public let chip: String
    /// `nil` when it did not come to one.
    public let verdict: Verdict?
    /// What the evidence states; kept where it is genuine.
    var claims: GuestClaims?
}

extension Refusal {
    static let sampleNotAllowed = Refusal(
        .technologyMismatch,
        "This server takes no sample evidence, behind which there is no hardware: run the guest on SEV-SNP.")

    fileprivate static let challengeUsed = Refusal(
        .challengeUsed, "The challenge has been answered before, with another key: start again at /auth.")

    fileprivate static let noGuest = Refusal(
        .sessionInvalid, "There is no attested session for this request, or it has ended: attest again.")

    /// The client library of Confidential Containers attests when it was told this.
    fileprivate static let noGuestYet = Refusal(noGuest.code, noGuest.sentence, isOrdinary: true)
}

extension AuditRecord {
    /// The record of a guest that named no workload: its measurement says what it was.
    fileprivate static func attest(_ attempt: RecordedAttempt, stating claims: GuestClaims) -> AuditRecord {
        var record = attest(attempt)
        if let measurement = claims.measurement { record.details["measurement"] = Hex.encode(measurement) }
        return record
    }
}
