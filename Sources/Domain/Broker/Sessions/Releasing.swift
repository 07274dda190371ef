public import Bytes
public import Evidence
import FoundationEssentials

/// A secret, encrypted to the attested guest or platform.
public enum WrappedSecret<Wrapped: Sendable>: Sendable {
    /// Encrypted to the guest's key by the dialect.
    case guest(Wrapped)
    /// For LAUNCH_SECRET.
    case platform(SEVSecretPacket)
}

extension Broker {
    /// Releases the secret of the session's workload. The release is recorded in the trail before the secret leaves.
    ///
    /// - Parameters:
    ///   - key: the requested id. Any id but the session's own workload is answered as unknown, without a look whether
    ///     it exists.
    ///   - session: all session ids of the request; the valid one counts.
    ///   - wrap: encrypts the secret to the guest's key, which it receives.
    /// - Throws: a ``Refusal``, or what `wrap` throws.
    public func release<Wrapped: Sendable>(
        _ key: some StringProtocol, session candidates: [some StringProtocol],
        wrappedBy wrap: (_ secret: Secret, _ key: String) throws -> Wrapped
    ) async throws -> WrappedSecret<Wrapped> {
        let challenges = challenges(among: candidates).filter(\.isWorkloads)
        // A change between the decision and its record makes the store refuse the record: then decide again.
        for attempt in 0..<8 {
            guard let grant = try await grant(challenges) else {
                throw refused(challenges.first?.challenge, .noSession)
            }
            let (challenge, workload) = (grant.opened.challenge, grant.secret.workload)
            if attempt == 0, let seconds = releases.wait(for: challenge.id) {
                throw refused(
                    challenge,
                    Refusal(.rateLimited, "This session has asked for its key too often: wait.", retryAfter: seconds))
            }
            let denyListState = store.denyListState
            let policy = try await judge(grant, asking: key)
            let wrapped = try self.wrap(
                try await keys.open(grant.secret.sealed, for: workload.subject), for: grant, by: wrap)
            let time = now()
            if let claims = grant.session.guest?.claims, !stillLetsIn(claims, policy, at: time) { continue }
            let record = record(of: grant, policy, at: time)
            let release = ResourceRelease(
                .workload(workload, policy: policy?.stamp), to: .attested(challenge.id), denyListState: denyListState)
            switch try await store.record(release, at: time, recording: record) {
            case .done:
                report(
                    .released(
                        workload.id, session: Challenge.shortID(of: challenge.id), head: store.writtenHead))
                return wrapped
            case .ended: throw refused(challenge, .noSession)
            case .changed: continue
            }
        }
        throw refused(
            challenges.first?.challenge,
            Refusal(.unavailable, "The workload is being changed: try again.", retryAfter: 1))
    }

    /// An open session with its workload's sealed secret.
    private struct OpenGrant {
        let opened: OpenedChallenge
        let session: Session
        let secret: StoredSecret
    }

    private func grant(_ challenges: [OpenedChallenge]) async throws -> OpenGrant? {
        let time = now()
        for opened in challenges {
            guard let grant = try await store.grant(session: opened.challenge.id, at: time),
                grant.secret.workload.row == opened.challenge.workload,
                grant.secret.workload.launch.takes(opened.challenge.tee),
                let session = try await session(grant.session, of: grant.secret.workload, sealedBy: opened.keys)
            else { continue }
            return OpenGrant(opened: opened, session: session, secret: grant.secret)
        }
        return nil
    }

    /// Appraises the session's claims again, with rules and deny list as they are now: the guest may have attested at
    /// another server, or before an operator's change.
    ///
    /// - Returns: the workload's policy, if it names one.
    /// - Throws: a ``Refusal``.
    private func judge(_ grant: OpenGrant, asking key: some StringProtocol) async throws -> PolicyInForce? {
        let workload = grant.secret.workload
        guard ExactText(key) == ExactText(workload.id.text) else {
            throw try await refused(
                grant, Refusal(.keyUnknown, "There is no such key for this session's workload."))
        }
        guard !workload.isDisabled else { throw try await refused(grant, .disabled(workload.id)) }
        switch grant.session.holder {
        case .platform(_, let denials):
            guard policy.allowsSEV else { throw try await refused(grant, .sevNotAllowed) }
            // The mark is as new as the workload's row, which was read with the manifest's seal: see
            // ``DenialStore/denies(_:)``.
            guard denials == store.denyListMark else {
                throw try await refused(
                    grant, Refusal(.sessionInvalid, "\(Refusal.denyListChanged): start again at /auth."))
            }
            return nil
        case .guest(let guest):
            let own = try await rules(for: workload)
            let verdict: Verdict
            let policy: PolicyInForce?
            if case .policy(let named) = own {
                policy = named
                verdict = try await named.decide(on: guest.claims, under: self.policy, at: now(), asking: agent) {
                    AgentInput(claims: Array(guest.claims.json.utf8), key: workload.id)
                }
            } else {
                policy = nil
                verdict = expectations(of: guest.claims.tee, own).verdict(on: guest.claims.evidence, at: now())
            }
            guard verdict.isAccepted else { throw try await refused(grant, verdict, policy) }
            // Last, so that the deny list is as new as the last read or the agent's answer: see
            // ``DenialStore/denies(_:)``.
            let endorsers = guest.claims.evidence.endorsers
            if let denied = try await denial(among: endorsers, decidedBy: policy?.policy) {
                throw try await refused(grant, denied, policy)
            }
            return policy
        }
    }

    /// Whether the policy still accepts the guest after an agent has answered: a reference value may have ended
    /// meanwhile.
    func stillLetsIn(_ claims: GuestClaims, _ policy: PolicyInForce?, at time: Date) -> Bool {
        guard let policy, policy.policy.agentDecision != nil else { return true }
        return policy.policy.evaluate(claims, references: policy.references, under: self.policy, at: time).isAccepted
    }

    private func wrap<Wrapped: Sendable>(
        _ secret: Secret, for grant: OpenGrant, by wrap: (Secret, String) throws -> Wrapped
    ) throws -> WrappedSecret<Wrapped> {
        switch grant.session.holder {
        case .guest(let guest): return .guest(try wrap(secret, guest.key))
        case .platform(let measurement, _):
            var padded = [UInt8](repeating: 0, count: SEVSecretSize.bytes)
            defer { padded.wipe() }
            secret.withBytes { bytes in padded.withUnsafeMutableBytes { $0.copyBytes(from: bytes.prefix($0.count)) } }
            return .platform(
                try grant.opened.keys.transportKeys(for: grant.session.id).wrap(padded, for: measurement))
        }
    }

    // MARK: Records

    /// - Parameter policy: the policy that decided. It may accept several measurements, so the record states the
    ///   guest's own.
    private func record(
        of grant: OpenGrant, _ policy: PolicyInForce?, _ refusal: Refusal? = nil, at time: Date
    ) -> AuditRecord {
        let chip = grant.session.guest?.chip ?? ""
        return AuditRecord(
            .releaseSecret, by: .guest, refusal == nil ? .done : .refused, workload: grant.secret.workload.id.text,
            session: Hex.encode(grant.session.id), chip: chip.isEmpty ? nil : chip, code: refusal?.code,
            details: details(of: grant, policy), at: time)
    }

    private func details(of grant: OpenGrant, _ policy: PolicyInForce?) -> [String: String] {
        guard let policy else { return [:] }
        var details = policy.inTrail
        details["measurement"] = grant.session.guest?.claims.measurement.map { Hex.encode($0) }
        return details
    }

    private func refused(_ grant: OpenGrant, _ refusal: Refusal) async throws -> Refusal {
        try await recordBounded(record(of: grant, nil, refusal, at: now()), in: budgets.genuine)
        return refused(grant.opened.challenge, refusal)
    }

    /// Refuses a guest that was acceptable when it attested and is no longer.
    private func refused(_ grant: OpenGrant, _ verdict: Verdict, _ policy: PolicyInForce?) async throws -> Refusal {
        let refusal = Refusal(.evidenceRefused, verdict.sentence)
        let guest = grant.session.guest
        try await recordRefusal(
            Attempt(
                workload: grant.secret.workload.id, tee: grant.opened.challenge.tee, session: grant.session.id,
                chip: guest?.chip ?? "", verdict: verdict, claims: guest?.claims), refusal, as: .releaseSecret,
            noting: details(of: grant, policy))
        return refused(grant.opened.challenge, refusal)
    }

    private func refused(_ challenge: Challenge?, _ refusal: Refusal) -> Refusal {
        report(.releaseRefused(session: challenge.map { Challenge.shortID(of: $0.id) } ?? "none", refusal))
        return refusal
    }
}

extension Refusal {
    fileprivate static let noSession = Refusal(
        .sessionInvalid, "There is no attested session for this cookie, or it has ended: start again at /auth.")

    /// A session does not name its SEV platform, so any change of the deny list ends it.
    static let denyListChanged = "What the operator denies has changed since the host was looked at"

    static func disabled(_ id: WorkloadID) -> Refusal {
        Refusal(.workloadDisabled, "The operator has disabled the workload \(id): ask why.")
    }
}
