import Bytes
import Concurrency
import Crypto
public import Evidence
import FoundationEssentials
import Tracing

/// What a guest answers a challenge with.
public enum Answer: Sendable {
    case snp(SNPAnswer)
    /// What LAUNCH_MEASURE returned: the measurement, 32 bytes, and the firmware's nonce, 16 bytes.
    case sev(measurement: [UInt8], nonce: [UInt8])
}

public struct SNPAnswer: Sendable {
    public let report: AttestationReport
    /// Certificates that came along.
    public let certificates: [Certificate]
    /// What the guest calls its processor.
    public let generation: Product?
    public let key: GuestKey

    public init(report: AttestationReport, certificates: [Certificate], generation: Product?, key: GuestKey) {
        self.report = report
        self.certificates = certificates
        self.generation = generation
        self.key = key
    }
}

/// The guest's RSA public key, as the guest wrote it.
public struct GuestKey: Sendable {
    /// What the report is bound to, beside the nonce: the numbers in the very characters that were sent.
    let transcript: [UInt8]
    let key: RSA.Encryption.PublicKey
    let modulus: [UInt8]
    let exponent: [UInt8]

    /// - Parameters:
    ///   - modulus: standard base64 of a big-endian number.
    ///   - exponent: the same.
    /// - Throws: a ``Refusal`` unless they are an RSA key of 2,048 or 4,096 bits.
    public init(modulus: String, exponent: String) throws(Refusal) {
        guard let n = Base64.decode(modulus), let e = Base64.decode(exponent) else {
            throw Refusal(.malformed, "k-mod and k-exp of tee-pubkey must be base64.")
        }
        // The report binds the two texts one after the other, without a mark between them. The base64 of
        // these sizes is padded, so none of the modulus's end can be passed off as the exponent's beginning.
        // Above 4,096 bits the reply would not fit the clients' buffers.
        guard let key = try? RSA.Encryption.PublicKey(n: n, e: e), [2_048, 4_096].contains(key.keySizeInBits) else {
            throw Refusal(.malformed, "tee-pubkey must be an RSA key of 2,048 or 4,096 bits.")
        }
        transcript = Array(modulus.utf8) + Array(exponent.utf8)
        (self.key, self.modulus, self.exponent) = (key, n, e)
    }
}

extension Broker {
    /// Holds evidence against what was registered, and opens the session.
    ///
    /// - Throws: a ``Refusal``.
    public func attest(_ answer: Answer, to challenges: OpenedChallenges) async throws {
        let time = now()
        // The answer may have taken its time.
        let open = try open(challenges.all, at: time)
        // A client that began twice may send both cookies: its evidence says which it answers.
        let answered = open.count > 1 ? open.first { isBound(answer, to: $0) } : nil
        guard let opened = answered ?? open.first else { throw refused(.noChallenge) }
        guard let workload = try await store.workload(row: opened.challenge.workload) else {
            throw refused(
                Refusal(
                    .workloadChanged,
                    "The workload was registered again or removed since the challenge: start again at /auth."))
        }
        guard !workload.isDisabled else { throw refused(.disabled(workload.id)) }
        let (binding, attempt, endorsers) = try await traced("kbs.appraisal") { span in
            span?.attributes["kbs.tee"] = opened.challenge.tee.rawValue
            return try await appraise(answer, to: opened, for: workload, at: time)
        }
        let session = Session(
            opening: opened, workload: workload, binding: binding, chip: attempt.chip, endorsers: endorsers, at: time,
            lifetime: lifetimes.session)
        let recorded = RecordedAttempt(attempt, nil, at: time)
        guard try await store.insert(session, attempt: recorded, recording: .attest(recorded)) else {
            throw try await refused(
                attempt,
                Refusal(
                    .challengeUsed,
                    "The challenge has been answered before, or the workload was removed: start again at /auth."))
        }
        // It will ask for its secret.
        if case .snp(let answer) = answer { recentKeys[session.id] = answer.key }
        report(.attested(attempt))
    }

    /// The challenges to which an answer is waited for, before anything is read of it.
    ///
    /// - Parameter session: every session id that came with the answer; those that are valid count.
    /// - Throws: a ``Refusal`` (`challengeInvalid`, `challengeExpired`).
    public func awaited(session candidates: [some StringProtocol]) throws(Refusal) -> OpenedChallenges {
        OpenedChallenges(all: try open(challenges(among: candidates), at: now()))
    }

    /// - Returns: at least one.
    private func open(_ challenges: [OpenedChallenge], at time: Date) throws(Refusal) -> [OpenedChallenge] {
        let open = challenges.filter { time < $0.challenge.expires }
        guard open.isEmpty else { return open }
        throw refused(
            challenges.isEmpty
                ? .noChallenge
                : Refusal(.challengeExpired, "The challenge has expired: start again at /auth."))
    }

    private func isBound(_ answer: Answer, to opened: OpenedChallenge) -> Bool {
        guard case .snp(let answer) = answer else { return false }
        return answer.report.reportData == reportData(for: opened, answer.key)
    }

    /// SHA-512 over the nonce's digits and the key's numbers, as they were sent.
    private func reportData(for opened: OpenedChallenge, _ key: GuestKey) -> [UInt8] {
        var hash = SHA512()
        hash.update(data: Hex.encodeUTF8(opened.keys.nonce(for: opened.challenge.id)))
        hash.update(data: key.transcript)
        return Array(hash.finalize())
    }

    /// Those of several session ids that this server made. A client may send a stale one too.
    func challenges(among candidates: [some StringProtocol]) -> [OpenedChallenge] {
        let held = keys.held
        return candidates.prefix(8).compactMap { OpenedChallenge(sealed: $0, with: held) }
    }

    private func appraise(
        _ answer: Answer, to opened: OpenedChallenge, for workload: Workload, at time: Date
    ) async throws -> (Session.Binding, Attempt, endorsers: [UInt8]) {
        let challenge = opened.challenge
        switch (answer, challenge.detail, workload.launch) {
        case (.snp(let answer), .snp, .snp(let measurement, let policy)):
            let result = try await appraise(
                answer, to: opened, measurement: measurement, policy: policy, at: time)
            let attempt = Attempt(
                workload: workload.id, tee: .snp, challenge: challenge.id,
                chip: answer.report.namedChip.map { Hex.encode($0) } ?? "", verdict: result.verdict,
                claims: GuestClaims(answer.report.claims(provenBy: result.chain)))
            guard result.verdict.isAccepted else { throw try await refused(attempt, refusal(result)) }
            return (
                .rsa(modulus: answer.key.modulus, exponent: answer.key.exponent), attempt,
                Endorser.bytes(of: result.chain?.keys ?? [])
            )
        case (.sev(let measurement, let nonce), .sev(let build, let denials), .sev(let digest, let policy)):
            guard denials == store.denyListMark else {
                throw refused(Refusal(.challengeExpired, "\(Refusal.denyListChanged): start again at /auth."))
            }
            guard self.policy.allowsSEV else {
                throw try await refused(
                    Attempt(workload: workload.id, tee: .sev, challenge: challenge.id, chip: "", verdict: nil),
                    .sevNotAllowed)
            }
            let expected = opened.keys.transportKeys(for: challenge.id)
                .measurement(of: digest, build: build, policy: policy, nonce: nonce)
            let verdict = SEVVerifier.verify(measurement: measurement, expected: expected)
            let attempt = Attempt(
                workload: workload.id, tee: .sev, challenge: challenge.id, chip: "", verdict: verdict)
            guard verdict.isAccepted else {
                throw try await refused(attempt, Refusal(.evidenceRefused, verdict.sentence))
            }
            return (.sev(measurement: measurement), attempt, denials)
        default:
            throw try await refused(
                Attempt(
                    workload: workload.id, tee: challenge.tee, challenge: challenge.id, chip: "", verdict: nil),
                Refusal(
                    .technologyMismatch,
                    "The evidence is of another technology than the challenge: start again at /auth."))
        }
    }

    private func appraise(
        _ answer: SNPAnswer, to opened: OpenedChallenge, measurement: [UInt8], policy registered: GuestPolicy,
        at time: Date
    ) async throws -> Appraiser.Result {
        var expected = SNPExpectations(
            SNPBinding(reportData: reportData(for: opened, answer.key)), server: self.policy.snp,
            registration: .registration(measurement: measurement, policy: registered))
        expected.binding.generation = answer.generation
        return try await appraiser.appraise(
            answer.report, offered: answer.certificates, expecting: expected,
            at: time)
    }

    /// Holds a recorded report against a registered workload. Nothing is released, whether it is fresh is not looked
    /// at, and no vendor is asked for a certificate.
    ///
    /// - Throws: a ``Refusal`` when the workload is unknown or takes no reports.
    public func appraise(
        recorded report: AttestationReport, certificates: [Certificate], against id: WorkloadID, by actor: Actor
    ) async throws -> Verdict {
        guard let workload = try await store.workload(id) else {
            throw Refusal(.workloadUnknown, "The workload \(id) is not registered.")
        }
        guard case .snp(let measurement, let registered) = workload.launch else {
            throw Refusal(
                .technologyMismatch,
                "The workload \(id) is registered for SEV, whose measurement is keyed by the handshake it was made in: "
                    + "recorded evidence of it proves nothing.")
        }
        let verdict = try await appraiser.appraise(
            report, offered: certificates,
            expecting: SNPExpectations(
                server: policy.snp, registration: .registration(measurement: measurement, policy: registered)),
            at: now(), evenIfHopeless: true, asksVendor: { _ in false }
        ).verdict
        let failed = verdict.failures.map(\.name.text).joined(separator: " ")
        try await record(
            AuditRecord(
                .testWorkload, by: actor, workload: id.text,
                details: failed.isEmpty ? ["accepted": "true"] : ["accepted": "false", "failed": failed], at: now()))
        return verdict
    }

    func refusal(_ result: Appraiser.Result) -> Refusal {
        guard let missing = result.missing else { return Refusal(.evidenceRefused, result.verdict.sentence) }
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

    /// What is refused before any evidence is looked at. The edge has it kept, as far as there is room: anyone can cause it.
    private func refused(_ refusal: Refusal) -> Refusal {
        report(.answerRefused(refusal))
        return refusal
    }
}

extension Refusal {
    fileprivate static let noChallenge = Refusal(
        .challengeInvalid,
        "The cookie session_id is missing or not from this server: start again at /auth and send it back.")
}
