import Bytes
import Crypto
public import Evidence
import FoundationEssentials
import Tracing

extension Broker {
    /// Opens the challenges of this server among the session ids of a request, expired ones too: clients also send
    /// stale ids. Dialects call this before they read the rest of the request.
    ///
    /// - Parameter candidates: at most eight are tried.
    public func challenges(among candidates: [some StringProtocol]) -> [OpenedChallenge] {
        let held = keys.held
        return candidates.prefix(8).compactMap { OpenedChallenge(sealed: $0, with: held) }
    }

    /// Whether a challenge has not expired. The guest that answered it may send its answer again even later.
    public func isOpen(_ challenge: OpenedChallenge) -> Bool { now() < challenge.challenge.expires }

    /// Appraises an answer against the challenge, and for a workload against its registration, and opens the session.
    ///
    /// A guest that names no workload and sends its answer again with the same key gets its open session back.
    ///
    /// - Parameters:
    ///   - opened: the answered challenge. An answer that is not bound to its nonce is refused.
    ///   - token: makes the attestation token that the dialect issues for a guest; it receives the guest without one.
    /// - Throws: a ``Refusal``, or what `token` throws.
    @discardableResult
    public func attest(
        _ answer: Answer, to opened: OpenedChallenge, stating token: ((AttestedGuest) async throws -> String)? = nil
    ) async throws -> Session {
        let time = now()
        let challenge = opened.challenge
        if let known = try await answered(opened, with: answer, at: time) { return known }
        guard time < challenge.expires else { throw refusing(.challengeExpired) }
        guard opened.isWorkloads || hasRoom() else {
            throw refusing(
                Refusal(
                    .unavailable, "The server's disk is nearly full: its operator must make room.", retryAfter: 60))
        }
        let workload = try await workload(of: challenge)
        guard answer.tee == challenge.tee, workload?.launch.takes(answer.tee) ?? true else {
            let mismatch = Refusal(
                .technologyMismatch, "The evidence is of another technology than the challenge: start again at /auth.")
            guard let workload else { throw refusing(mismatch) }
            throw try await refused(
                Attempt(workload: workload.id, tee: challenge.tee, session: challenge.id, chip: "", verdict: nil),
                mismatch)
        }
        let (holder, attempt) = try await traced("kbs.appraisal") { span in
            span?.attributes["kbs.tee"] = challenge.tee.name
            return try await appraise(answer, to: opened, for: workload, at: time)
        }
        var session = Session(
            id: challenge.id, workload: workload?.row, holder: holder, opened: time,
            expires: time.addingTimeInterval(lifetimes.session))
        if let token, case .guest(var guest) = holder {
            guest.token = try await token(guest)
            session.holder = .guest(guest)
        }
        let recorded = RecordedAttempt(attempt, nil, at: time)
        let initData = StoredInitData(session.guest?.claims.initDataJSON ?? "", of: session.expires)
        let stored = StoredSession(
            session, tee: challenge.tee, claims: recorded.claims, initData: initData?.digest ?? [], of: workload,
            with: opened.keys)
        let new: StoredInitData? =
            if let initData, try await !isKept(initData, until: session.expires) { initData } else { nil }
        if workload == nil { try await takeRoom(for: stored, new, attempt) }
        let isStored: Bool
        do {
            isStored = try await store.insert(
                stored, initData: new, attempt: recorded, recording: .attest(recorded, stating: session.guest?.claims))
        } catch {
            // A database that is away for a while must not use up the quota of guests that try again.
            if workload == nil {
                guestRoom.giveBack(
                    for: stored, initData: new?.entries.utf8.count ?? 0, of: Self.machine(of: attempt))
            }
            throw error
        }
        guard isStored else {
            // The same guest may have been attested on another connection meanwhile.
            if let known = try await answered(opened, with: answer, at: time) { return known }
            throw try await refused(
                attempt,
                workload == nil
                    ? .answeredBefore
                    : Refusal(
                        .challengeUsed,
                        "The challenge has been answered before, or the workload was removed: start again at /auth."))
        }
        if let new { recentInitData.remember(new) }
        recentSessions.remember(session, as: stored, initDataBytes: initData?.entries.utf8.count ?? 0)
        report(.attested(attempt))
        return session
    }

    /// The open session of a guest that names no workload and answers its challenge again; refused when one of its
    /// endorsers has been denied since. The session's row was read with the manifest's seal, so the deny list is as new
    /// as the row.
    private func answered(_ opened: OpenedChallenge, with answer: Answer, at time: Date) async throws -> Session? {
        guard !opened.isWorkloads, let session = try await session(of: opened, at: time), let guest = session.guest
        else { return nil }
        guard ExactText(guest.key) == ExactText(answer.key) else {
            throw refusing(.answeredBefore)
        }
        guard let verdict = denial(among: guest.claims.evidence.endorsers) else { return session }
        throw try await refused(
            Attempt(
                workload: nil, tee: .evidence(guest.claims.tee), session: guest.id, chip: guest.chip, verdict: verdict),
            Refusal(.evidenceRefused, verdict.sentence))
    }

    private func workload(of challenge: Challenge) async throws -> Workload? {
        guard let row = challenge.workload else { return nil }
        guard let workload = try await store.workload(row: row) else {
            throw refusing(
                Refusal(
                    .workloadChanged,
                    "The workload was registered again or removed since the challenge: start again at /auth."))
        }
        guard !workload.isDisabled else { throw refusing(.disabled(workload.id)) }
        return workload
    }

    /// Charges a session to its machine's quota: the tenant of one genuine machine can attest without limit.
    private func takeRoom(for stored: StoredSession, _ initData: StoredInitData?, _ attempt: Attempt) async throws {
        guard
            let (seconds, ofAll) = guestRoom.wait(
                for: stored, initData: initData?.entries.utf8.count ?? 0, of: Self.machine(of: attempt))
        else { return }
        let whose = ofAll ? "Guests" : attempt.chip.isEmpty ? "This host's guests" : "This chip's guests"
        throw try await refused(
            attempt,
            Refusal(.rateLimited, "\(whose) attest too often: keep the session, or wait.", retryAfter: seconds))
    }

    /// The machine whose quota a guest is charged to.
    private static func machine(of attempt: Attempt) -> String {
        guard attempt.chip.isEmpty else { return attempt.chip }
        // One cloud key (VLEK) vouches for many hosts: the caller's network tells them apart.
        let key = attempt.claims?.evidence.endorsers.first.map { Hex.encode($0.bytes) } ?? "none"
        return "\(key) at \(Caller.network ?? "unknown")"
    }

    private func isKept(_ initData: StoredInitData, until time: Date) async throws -> Bool {
        if recentInitData.isKept(initData.digest, until: time) { return true }
        return try await store.keepsInitData(initData.digest, until: time)
    }

    // MARK: Appraisal

    private func appraise(
        _ answer: Answer, to opened: OpenedChallenge, for workload: Workload?, at time: Date
    ) async throws -> (Session.Holder, Attempt) {
        switch (answer.proof, opened.challenge.subject, workload?.launch) {
        case (.evidence(let evidence), .guest, _), (.evidence(let evidence), .workload, _?):
            let (guest, attempt) = try await appraise(evidence, answer, to: opened, for: workload, at: time)
            return (.guest(guest), attempt)
        case (.sev(let measurement, let nonce), .sev(_, let build, let denials), .sev(let digest, let policy)?):
            guard denials == store.denyListMark else {
                throw refusing(Refusal(.challengeExpired, "\(Refusal.denyListChanged): start again at /auth."))
            }
            func attempt(_ verdict: Verdict?) -> Attempt {
                Attempt(workload: workload?.id, tee: .sev, session: opened.challenge.id, chip: "", verdict: verdict)
            }
            guard self.policy.allowsSEV else { throw try await refused(attempt(nil), .sevNotAllowed) }
            let expected = opened.keys.transportKeys(for: opened.challenge.id)
                .measurement(of: digest, build: build, policy: policy, nonce: nonce)
            let verdict = SEVVerifier.verify(measurement: measurement, expected: expected)
            guard verdict.isAccepted else {
                throw try await refused(attempt(verdict), Refusal(.evidenceRefused, verdict.sentence))
            }
            return (.platform(measurement: measurement, denials: denials), attempt(verdict))
        default:
            throw refusing(Refusal(.technologyMismatch, "The evidence is of another technology: start again at /auth."))
        }
    }

    private func appraise(
        _ evidence: some Attestation, _ answer: Answer, to opened: OpenedChallenge, for workload: Workload?,
        at time: Date
    ) async throws -> (AttestedGuest, Attempt) {
        let initData = answer.initData?.claims ?? [:]
        let own = try await rules(for: workload)
        let result = try await appraiser.appraise(
            evidence,
            Exchange(
                reportData: answer.reportData, initData: answer.initData?.digest, takesSamples: policy.allowsSample,
                at: time),
            expecting: expectations(of: evidence.tee, own)
        ) {
            // Anyone can send a made-up report that is bound to its own key: a vendor is asked only for a guest that
            // rules would accept.
            for signer in evidence.signers {
                let claims = GuestClaims(evidence.claims(ifSignedBy: signer), initData: initData)
                if try await isWorthAsking(about: claims, own, at: time) { return true }
            }
            return false
        }
        let claims = GuestClaims(result.claims, initData: initData)
        let verdict = result.verdict
            .holding(to: requirements(on: claims, own, at: time))
            .holding(to: answer.devices.map { $0.requirement(isAllowed: policy.allowsSample) })
        let attempt = Attempt(
            workload: workload?.id, tee: .evidence(evidence.tee), session: opened.challenge.id, chip: claims.chip,
            verdict: verdict, claims: claims)
        guard verdict.isAccepted else {
            throw try await refused(
                attempt,
                result.verdict.isAccepted ? Refusal(.evidenceRefused, verdict.sentence) : refusal(result, verdict, own))
        }
        let expires = time.addingTimeInterval(lifetimes.session).timeIntervalSince1970.rounded(.down)
        return (
            AttestedGuest(
                id: opened.challenge.id, claims: claims, key: answer.key,
                expires: Date(timeIntervalSince1970: expires)), attempt
        )
    }

    /// A workload's rules for its guests, beside the server's settings.
    enum SubjectRules {
        /// For a guest that names no workload: the policy of each resource has the rules.
        case none
        case registration(measurement: [UInt8], GuestPolicy)
        case policy(PolicyInForce)
    }

    func rules(for workload: Workload?) async throws -> SubjectRules {
        switch workload?.launch {
        case .snp(let measurement, let policy): return .registration(measurement: measurement, policy)
        case .policy(let name):
            guard let policy = try await store.policyInForce(name) else {
                throw refusing(
                    Refusal(.policyRefused, "The workload's policy \(name) is not here any more: ask its operator."))
            }
            return .policy(policy)
        case .sev, nil: return .none
        }
    }

    func expectations(of tee: GuestTEE, _ own: SubjectRules) -> Expectations {
        let server = policy.rules[tee] ?? Rules()
        guard case .registration(let measurement, let registered) = own else { return Expectations(server: server) }
        return Expectations(
            server: server, registration: .registration(measurement: measurement, policy: registered))
    }

    /// The requirements on evidence beside the settings and a registration.
    private func requirements(on claims: GuestClaims, _ own: SubjectRules, at time: Date) -> [Requirement] {
        // A technology that is not accepted has no settings whose check could fail.
        var list = policy.rules[claims.tee] == nil ? [policy.technology(claims.tee)] : []
        if case .policy(let own) = own {
            list += own.policy.requirements(on: claims, references: own.references, under: policy, at: time)
        }
        return list
    }

    private func isWorthAsking(about claims: GuestClaims, _ own: SubjectRules, at time: Date) async throws -> Bool {
        switch own {
        case .none: try await prospects.letsIn(claims, under: policy)
        // The registered measurement was already compared: it is among the expectations.
        case .registration: true
        case .policy(let own):
            own.policy.withoutAgentPolicy.evaluate(claims, references: own.references, under: policy, at: time)
                .isAccepted
        }
    }

    /// Appraises recorded evidence against a registered workload. Nothing is released, freshness is not checked, and no
    /// vendor is asked for a certificate.
    ///
    /// - Throws: a ``Refusal`` when the workload is unknown or is registered for SEV.
    public func appraise(
        recorded evidence: any Attestation, against id: WorkloadID, by actor: Actor
    ) async throws -> Verdict {
        guard let workload = try await store.workload(id) else {
            throw Refusal(.workloadUnknown, "The workload \(id) is not registered.")
        }
        if case .sev = workload.launch {
            throw Refusal(
                .technologyMismatch,
                "The workload \(id) is registered for SEV, whose measurement is keyed by the handshake it was made in: "
                    + "recorded evidence of it proves nothing.")
        }
        let time = now()
        let own = try await rules(for: workload)
        let result = try await appraiser.appraise(
            evidence, Exchange(takesSamples: policy.allowsSample, at: time),
            expecting: expectations(of: evidence.tee, own), evenIfHopeless: true, asksVendor: { false })
        let verdict = result.verdict.holding(to: requirements(on: GuestClaims(result.claims), own, at: time))
        let failed = verdict.failures.map(\.name.text).joined(separator: " ")
        try await record(
            AuditRecord(
                .testWorkload, by: actor, workload: id.text,
                details: failed.isEmpty ? ["accepted": "true"] : ["accepted": "false", "failed": failed], at: time))
        return verdict
    }

    /// - Parameter verdict: the result's verdict with the workload's requirements added.
    private func refusal(_ result: Appraiser.Result, _ verdict: Verdict, _ own: SubjectRules) -> Refusal {
        guard let missing = result.missing else { return Refusal(.evidenceRefused, verdict.sentence) }
        // No vendor was asked because the workload's policy refuses the guest whoever vouches for it: its checks
        // explain more.
        if case .policy = own, missing == Appraiser.notAsked { return Refusal(.evidenceRefused, verdict.sentence) }
        return Refusal(
            .endorsementUnavailable,
            "The certificate that would prove the evidence is not here (\(missing.reason)). Try again later, "
                + "or ask the operator to import it.", retryAfter: missing.retryAfter ?? 60)
    }

    private func refused(_ attempt: Attempt, _ refusal: Refusal) async throws -> Refusal {
        report(.evidenceRefused(attempt, refusal))
        try await recordRefusal(attempt, refusal, as: .attest)
        return refusal
    }

    /// Reports a refusal from before any appraisal. The edge records it within a budget: strangers can cause any
    /// number.
    public func refusing(_ refusal: Refusal) -> Refusal {
        report(.answerRefused(refusal))
        return refusal
    }
}

/// An appraisal of evidence, or a decision on a guest's request for a secret.
public struct Attempt: Sendable {
    /// `nil` for a guest that named no workload.
    public let workload: WorkloadID?
    public let tee: TEE
    /// The challenge's id, 16 bytes.
    let session: [UInt8]
    /// The first four bytes, in hex: names the guest in log lines.
    public var shortID: String { Challenge.shortID(of: session) }
    /// The chip's id in hex, unproven unless the verdict is genuine; empty when the host hides it.
    public let chip: String
    /// `nil` when it was refused before a verdict.
    public let verdict: Verdict?
    /// The evidence's claims; stored only of genuine evidence.
    var claims: GuestClaims?
}

extension Refusal {
    public static let challengeExpired = Refusal(
        .challengeExpired, "The challenge has expired: start again at /auth.")

    fileprivate static let answeredBefore = Refusal(
        .challengeUsed, "The challenge has been answered before, with another key: start again at /auth.")
}

extension AuditRecord {
    /// The record of an attestation. It states the measurement when the guest named no workload.
    fileprivate static func attest(_ attempt: RecordedAttempt, stating claims: GuestClaims?) -> AuditRecord {
        var record = attest(attempt)
        if attempt.workload.isEmpty, let measurement = claims?.measurement {
            record.details["measurement"] = Hex.encode(measurement)
        }
        return record
    }
}
