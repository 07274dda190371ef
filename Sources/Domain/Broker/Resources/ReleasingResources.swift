public import Bytes
import Evidence
import FoundationEssentials

extension Broker {
    /// Gives a guest a resource, if the resource's policy says so. The record of it is in the trail before the resource
    /// leaves.
    ///
    /// - Parameters:
    ///   - path: of a resource, or the id of a workload that has the form of a path: then a guest gets the workload's
    ///     secret that was launched as the workload says.
    ///   - claims: the claims of the guest's token in JSON, for an agent. It is called only when one is asked.
    ///   - wrap: encrypts the secret to the guest's key, which is passed along.
    /// - Returns: what `wrap` made.
    /// - Throws: a ``Refusal``: `notFound` when there is nothing there, `policyRefused`, `resourceDisabled` or
    ///   `workloadDisabled`, `sessionInvalid` when the guest's session has ended meanwhile, `rateLimited`, `unavailable`;
    ///   or what `claims` and `wrap` throw.
    public func releaseResource<Wrapped: Sendable>(
        _ path: ResourcePath, to reader: ResourceReader, stating claims: () throws -> [UInt8],
        wrappedBy wrap: (_ secret: Secret, _ key: String) throws -> Wrapped
    ) async throws -> Wrapped {
        // All of a guest's first: who makes up paths must not make the limiter forget the others.
        if let seconds = guestReleases.wait(for: reader.id) {
            throw refused(
                path, reader, nil,
                Refusal(.rateLimited, "This guest has asked for too many resources: wait.", retryAfter: seconds))
        }
        if let seconds = resourceReleases.wait(for: reader.id + Array(path.text.utf8)) {
            throw refused(
                path, reader, nil,
                Refusal(.rateLimited, "This guest has asked for \(path) too often: wait.", retryAfter: seconds))
        }
        // What it was decided on may change before the record is written: then it is decided again.
        for _ in 0..<8 {
            let time = now()
            guard time < reader.expires else { throw refused(path, reader, nil, .guestEnded) }
            let offer = try await offer(path, to: reader, stating: claims, at: time)
            // Behind all reads and the agent's answer.
            if let verdict = try await denial(among: reader.claims.evidence.endorsers, decidedBy: offer.policy?.policy)
            {
                let refusal = Refusal(.evidenceRefused, verdict.sentence)
                throw try await refused(path, reader, verdict, refusal, offer.decision, at: time)
            }
            let wrapped = try wrap(offer.secret, reader.key)
            let release = ResourceRelease(offer.source, to: reader.stored)
            // An agent may have taken its time, and the session have ended meanwhile.
            let end = now()
            guard end < reader.expires else { throw refused(path, reader, nil, .guestEnded) }
            guard stillLetsIn(reader.claims, offer.policy, at: end) else { continue }
            let record = record(path, reader, offer.decision, at: end)
            switch try await store.record(release, at: end, recording: record) {
            case .done:
                report(.resourceReleased(path, session: Challenge.shortID(of: reader.id), head: store.writtenHead))
                return wrapped
            case .ended: throw refused(path, reader, nil, .guestEnded)
            case .changed: continue
            }
        }
        throw refused(
            path, reader, nil, Refusal(.unavailable, "The resource is being changed: try again.", retryAfter: 1))
    }

    /// What may be given, once it was decided.
    private struct Offer {
        let secret: Secret
        let source: ResourceRelease.Source
        /// `nil` for a registration's own.
        let policy: PolicyInForce?
        let decision: [String: String]
    }

    private func offer(
        _ path: ResourcePath, to reader: ResourceReader, stating claims: () throws -> [UInt8], at time: Date
    ) async throws -> Offer {
        if let found = try await store.sealedResource(path) {
            return try await offer(found, to: reader, stating: claims, at: time)
        }
        if let id = path.workloadID, let found = try await store.sealedSecret(of: id) {
            return try await offer(found, at: path, to: reader, stating: claims, at: time)
        }
        throw try await refused(path, reader, nil, Refusal(.notFound, "There is no resource \(path)."), at: time)
    }

    private func offer(
        _ found: SealedResource, to reader: ResourceReader, stating claims: () throws -> [UInt8], at time: Date
    ) async throws -> Offer {
        let (resource, path) = (found.resource, found.resource.path)
        guard !resource.isDisabled else {
            throw try await refused(
                path, reader, nil,
                Refusal(.resourceDisabled, "The operator has disabled the resource \(path): ask why."), at: time)
        }
        guard let name = resource.policy, let policy = try await store.policyInForce(name) else {
            throw try await refused(
                path, reader, nil, .policyRefused(path), ["reason": "the resource has no policy: give it one"], at: time
            )
        }
        let decision = policy.inTrail
        let verdict = try await policy.decide(
            on: reader.claims, vouchedForBy: reader.issuer, boundTo: resource.current.binding, under: self.policy,
            at: time, asking: agent
        ) {
            PolicyQuestion(claims: try claims(), path: [path.repository, path.type, path.tag])
        }
        guard verdict.isAccepted else {
            throw try await refused(path, reader, verdict, .policyRefused(path), decision, at: time)
        }
        return Offer(
            secret: try await keys.open(found.sealed, for: path, version: resource.current.number),
            source: .resource(resource, policy: policy.stamp), policy: policy,
            decision: decision.merging(["version": "\(resource.current.number)"]) { $1 })
    }

    /// A workload is a resource with a policy: its own, or one of one measurement.
    private func offer(
        _ found: StoredSecret, at path: ResourcePath, to reader: ResourceReader, stating claims: () throws -> [UInt8],
        at time: Date
    ) async throws -> Offer {
        let workload = found.workload
        guard !workload.isDisabled else {
            throw try await refused(path, reader, nil, .disabled(workload.id), at: time)
        }
        if case .sev = workload.launch {
            throw try await refused(
                path, reader, nil, .policyRefused(path),
                ["reason": "the workload is registered for SEV, whose guests speak another protocol"], at: time)
        }
        var decision = ["workload": workload.id.text]
        // A workload's registration names no verifier, so none but this server vouches for its guests.
        guard reader.issuer == nil else {
            throw try await refused(
                path, reader, nil, .policyRefused(path),
                ["reason": "a workload's guests attest here: another verifier's token gives none"].merging(decision) {
                    $1
                }, at: time)
        }
        let (verdict, named): (Verdict, PolicyInForce?)
        switch try await rules(for: workload) {
        case .policy(let policy):
            decision.merge(policy.inTrail) { $1 }
            verdict = try await policy.decide(on: reader.claims, under: self.policy, at: time, asking: agent) {
                PolicyQuestion(claims: try claims(), path: [path.repository, path.type, path.tag])
            }
            named = policy
        case .registration(let measurement, let registered):
            let policy = try Policy(registering: measurement, registered)
            verdict = policy.evaluate(reader.claims, references: [:], under: self.policy, at: time)
            named = nil
        case .none: throw try await refused(path, reader, nil, .policyRefused(path), decision, at: time)
        }
        guard verdict.isAccepted else {
            throw try await refused(path, reader, verdict, .policyRefused(path), decision, at: time)
        }
        return Offer(
            secret: try await keys.open(found.sealed, of: workload), source: .workload(workload, policy: named?.stamp),
            policy: named, decision: decision)
    }

    // MARK: Records

    private func record(
        _ path: ResourcePath, _ reader: ResourceReader, _ decision: [String: String], _ refusal: Refusal? = nil,
        at time: Date
    ) -> AuditRecord {
        let chip = reader.chip
        var details = decision
        var record = AuditRecord(
            .releaseResource, by: .guest, refusal == nil ? .done : .refused,
            workload: details.removeValue(forKey: "workload"), resource: path.text, session: Hex.encode(reader.id),
            chip: chip.isEmpty ? nil : chip, code: refusal?.code, details: details, at: time)
        record.details["tee"] = reader.claims.tee.rawValue
        if let issuer = reader.issuer { record.details["issuer"] = issuer.text }
        if let measurement = reader.claims.measurement { record.details["measurement"] = Hex.encode(measurement) }
        return record
    }

    /// Records a refusal, as long as there are not too many.
    ///
    /// - Parameter decision: what it was decided on, which the operator should know and the guest need not.
    private func refused(
        _ path: ResourcePath, _ reader: ResourceReader, _ verdict: Verdict?, _ refusal: Refusal,
        _ decision: [String: String] = [:], at time: Date
    ) async throws -> Refusal {
        let told = refused(path, reader, verdict, refusal)
        let attempt = RecordedAttempt(
            Attempt(
                tee: .evidence(reader.claims.tee), session: reader.id, chip: reader.chip, verdict: verdict,
                // Another verifier's word is no evidence that was seen here.
                claims: reader.issuer == nil ? reader.claims : nil), refusal,
            as: .releaseResource, of: path.text, at: time)
        var record = record(path, reader, decision, refusal, at: time)
        record.note(attempt)
        try await keep(attempt, [record], in: budgets.genuine)
        return told
    }

    private func refused(
        _ path: ResourcePath, _ reader: ResourceReader, _ verdict: Verdict?, _ refusal: Refusal
    ) -> Refusal {
        report(.resourceRefused(path, session: Challenge.shortID(of: reader.id), verdict, refusal))
        return refusal
    }
}

extension ResourceReader {
    /// What a release needs of the reader.
    fileprivate var stored: ResourceRelease.Reader {
        switch self {
        case .attested(let guest): .attested(guest.id)
        case .foreign(let guest):
            .foreign(
                StoredForeignGuest(
                    id: id, issuer: guest.issuer.text, tee: claims.tee.rawValue, chip: chip, issued: guest.issued,
                    expires: guest.expires))
        }
    }
}

extension Policy {
    /// What a registration amounts to, once its guests ask for a resource.
    fileprivate init(registering measurement: [UInt8], _ policy: GuestPolicy) throws {
        self.init(name: try PolicyName("registration"))
        rules[.snp] = .registration(measurement: measurement, policy: policy)
    }
}

extension Refusal {
    fileprivate static func policyRefused(_ path: ResourcePath) -> Refusal {
        Refusal(
            .policyRefused,
            "The policy of \(path) does not give it to this guest: the operator sees why with `kbs attempts`.")
    }

    fileprivate static let guestEnded = Refusal(.sessionInvalid, "The guest's session has ended: attest again.")
}
