import Bytes
import Concurrency
import Crypto
public import Evidence

/// A secret, encrypted to the guest that attested.
public enum WrappedSecret: Sendable {
    /// RSAES-PKCS1-v1_5 under the guest's key.
    case rsa([UInt8])
    /// For LAUNCH_SECRET.
    case sev(SEVSecretPacket)
}

extension Broker {
    /// The key of the session's own workload.
    ///
    /// - Parameters:
    ///   - key: the id that was asked for. Anything but the workload's own is unknown, whether it exists or not:
    ///     nobody looks.
    ///   - session: every session id that came along; the valid one counts.
    /// - Throws: a ``Refusal``.
    public func release(_ key: some StringProtocol, session candidates: [some StringProtocol]) async throws
        -> WrappedSecret
    {
        let challenges = challenges(among: candidates)
        guard let (opened, grant) = try await grant(challenges) else {
            throw refused(challenges.first?.challenge, .noSession)
        }
        let time = now()
        func record(_ outcome: AuditRecord.Outcome, _ code: Refusal.Code? = nil) -> AuditRecord {
            AuditRecord(
                .releaseSecret, by: .guest, outcome, workload: grant.workload.id.text,
                session: Hex.encode(opened.challenge.id),
                chip: grant.session.chip.isEmpty ? nil : grant.session.chip, code: code, at: time)
        }
        let challenge = opened.challenge
        if let seconds = releases.wait(for: challenge.id) {
            throw refused(
                challenge,
                Refusal(.rateLimited, "This session has asked for its key too often: wait.", retryAfter: seconds))
        }
        guard ExactText(key) == ExactText(grant.workload.id.text) else {
            try await recordBounded(record(.refused, .keyUnknown), in: budgets.genuine)
            throw refused(challenge, Refusal(.keyUnknown, "There is no such key for this session's workload."))
        }
        guard !grant.workload.isDisabled else {
            try await recordBounded(record(.refused, .workloadDisabled), in: budgets.genuine)
            throw refused(challenge, .disabled(grant.workload.id))
        }
        // It may have attested before the server was told not to take any.
        if case .sev = grant.session.binding, !policy.allowsSEV {
            try await recordBounded(record(.refused, .technologyMismatch), in: budgets.genuine)
            throw refused(challenge, .sevNotAllowed)
        }
        // As of this very read of the workload: see ``DenialStore/denies(_:)``.
        switch grant.session.binding {
        case .rsa:
            let chip = Hex.decode(grant.session.chip).map { Endorser(chip: $0) }
            let endorsers = Endorser.keys(grant.session.endorsers) + (chip.map { [$0] } ?? [])
            if let verdict = denial(among: endorsers) {
                let refusal = Refusal(.evidenceRefused, verdict.sentence)
                try await recordRefusal(
                    Attempt(
                        workload: grant.workload.id, tee: .snp, challenge: challenge.id, chip: grant.session.chip,
                        verdict: verdict), refusal, as: .releaseSecret)
                throw refused(challenge, refusal)
            }
        case .sev:
            guard grant.session.endorsers == store.denyListMark else {
                let refusal = Refusal(.sessionInvalid, "\(Refusal.denyListChanged): start again at /auth.")
                try await recordBounded(record(.refused, refusal.code), in: budgets.genuine)
                throw refused(challenge, refusal)
            }
        }
        let secret = try await keys.open(grant.sealedSecret, of: grant.workload)
        let wrapped = try wrap(secret, for: grant.session, of: opened)
        // The secret leaves only after the record of it is on the disk.
        guard try await store.recordRelease(to: challenge.id, at: time, recording: record(.done)) else {
            throw refused(challenge, .noSession)
        }
        report(.released(grant.workload.id, session: challenge.shortID, head: store.writtenHead))
        return wrapped
    }

    private func grant(_ challenges: [OpenedChallenge]) async throws -> (OpenedChallenge, Grant)? {
        let time = now()
        for opened in challenges {
            guard let grant = try await store.grant(session: opened.challenge.id, at: time),
                grant.workload.row == opened.challenge.workload,
                opened.keys.isGenuine(grant.session, of: grant.workload)
            else { continue }
            return (opened, grant)
        }
        return nil
    }

    private func wrap(_ secret: Secret, for session: Session, of opened: OpenedChallenge) throws -> WrappedSecret {
        switch session.binding {
        case .rsa(let modulus, let exponent):
            // Of the session's own row, which is genuine: another session's key is not taken.
            let recent = recentKeys[session.id].flatMap { $0.modulus == modulus && $0.exponent == exponent ? $0 : nil }
            let key = try recent?.key ?? RSA.Encryption.PublicKey(n: modulus, e: exponent)
            // The clients know no other padding. Only whoever holds the private key could mount an
            // attack on it, and that is the guest itself.
            return .rsa(try secret.withBytes { try key.encrypt($0, padding: .insecurePKCS1v1_5) })
        case .sev(let measurement):
            var padded = [UInt8](repeating: 0, count: SEVSecretSize.bytes)
            defer { padded.wipe() }
            secret.withBytes { bytes in padded.withUnsafeMutableBytes { $0.copyBytes(from: bytes.prefix($0.count)) } }
            return .sev(try opened.keys.transportKeys(for: session.id).wrap(padded, for: measurement))
        }
    }

    private func refused(_ challenge: Challenge?, _ refusal: Refusal) -> Refusal {
        report(.releaseRefused(session: challenge?.shortID ?? "none", refusal))
        return refusal
    }
}

extension Refusal {
    fileprivate static let noSession = Refusal(
        .sessionInvalid, "There is no attested session for this cookie, or it has ended: start again at /auth.")

    /// Which SEV platform a guest is on is not known any more.
    static let denyListChanged = "What the operator denies has changed since the host was looked at"

    static func disabled(_ id: WorkloadID) -> Refusal {
        Refusal(.workloadDisabled, "The operator has disabled the workload \(id): ask why.")
    }
}
