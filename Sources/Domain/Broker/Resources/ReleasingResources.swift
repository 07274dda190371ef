public import Bytes
import Evidence
import FoundationEssentials

extension Broker {
    /// Releases a resource to a guest that its policy accepts. The release is recorded in the trail before the resource
    /// leaves.
    ///
    /// - Parameters:
    ///   - path: a resource's path, or a workload's id in the form of a path: the workload's secret is then released to
    ///     guests that meet its registration.
    ///   - claims: makes the claims of the guest's token in JSON, for an agent. Called only when an agent is asked.
    ///   - wrap: encrypts the secret to the guest's key, which it receives.
    /// - Returns: the result of `wrap`.
    /// - Throws: a ``Refusal``: `notFound`, `policyRefused`, `resourceDisabled` or `workloadDisabled`,
    ///   `evidenceRefused` when an endorser is denied, `sessionInvalid` when the guest's session has ended meanwhile,
    ///   `rateLimited`, `unavailable`; or an error of `claims` or `wrap`.
    public func releaseResource<Wrapped: Sendable>(
        _ path: ResourcePath, to reader: ResourceReader, stating claims: () throws -> [UInt8],
        wrappedBy wrap: (_ secret: Secret, _ key: String) throws -> Wrapped
    ) async throws -> Wrapped {
        // The guest's own limit comes first: a guest that invents paths must not evict others from the limiter per
        // path.
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
        // A change between the decision and its record makes the store refuse the record: then decide again.
        for _ in 0..<8 {
            let time = now()
            guard time < reader.expires else { throw refused(path, reader, nil, .guestEnded) }
            let offer = try await offer(path, to: reader, stating: claims, at: time)
            let denyListState = store.denyListState
            // Last, so that the deny list is as new as all reads and the agent's answer.
            if let verdict = try await denial(among: reader.claims.evidence.endorsers, decidedBy: offer.policy?.policy)
            {
                let refusal = Refusal(.evidenceRefused, verdict.sentence)
                throw try await refused(path, reader, verdict, refusal, offer.decision, at: time)
            }
            let wrapped = try wrap(offer.secret, reader.key)
            let release = ResourceRelease(offer.source, to: reader.stored, denyListState: denyListState)
            // The session may have ended while an agent answered.
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

    /// A secret whose release is decided, with the rows that the decision rests on.
    private struct Offer {
        let secret: Secret
        let source: ResourceRelease.Source
        /// `nil` when a registration decided.
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
                path, reader,
                Verdict(
                    unmet: .policyAssigned, expected: "a policy", found: "none",
                    advice: "The resource \(path) has no policy: kbs resource assign \(path) POLICY."),
                .policyRefused(path), ["reason": "the resource has no policy: give it one"], at: time)
        }
        let decision = policy.inTrail
        let verdict = try await policy.decide(
            on: reader.claims, vouchedForBy: reader.issuer, boundTo: resource.current.binding, under: self.policy,
            at: time, asking: agent
        ) {
            AgentInput(claims: try claims(), path: [path.repository, path.type, path.tag])
        }
        guard verdict.isAccepted else {
            throw try await refused(path, reader, verdict, .policyRefused(path), decision, at: time)
        }
        return Offer(
            secret: try await keys.open(found.sealed, for: .resource(path, version: resource.current.number)),
            source: .resource(resource, policy: policy.stamp), policy: policy,
            decision: decision.merging(["version": "\(resource.current.number)"]) { $1 })
    }

    /// Offers a workload's secret as a resource, to guests that its policy or its registration accepts.
    private func offer(
        _ found: StoredSecret, at path: ResourcePath, to reader: ResourceReader, stating claims: () throws -> [UInt8],
        at time: Date
    ) async throws -> Offer {
        let workload = found.workload
        guard !workload.isDisabled else {
            throw try await refused(path, reader, nil, .disabled(workload.id), at: time)
        }
        guard workload.launch.takes(.evidence(reader.claims.tee)) else {
            let (technology, tee) = (workload.launch.technology, reader.claims.tee.rawValue)
            throw try await refused(
                path, reader,
                Verdict(
                    unmet: .policyTechnology, expected: technology, found: tee,
                    advice:
                        "The workload \(workload.id) is registered for \(technology) guests: register one of its own "
                        + "for this guest, or give it a policy."),
                .policyRefused(path),
                ["reason": "the workload is registered for \(technology), the guest is \(tee)"], at: time)
        }
        var decision = ["workload": workload.id.text]
        // A registration names no issuers, so only guests that attested here get a workload's secret.
        if let issuer = reader.issuer {
            throw try await refused(
                path, reader,
                Verdict(
                    unmet: .policyIssuer, expected: "a guest that attested here", found: issuer.text,
                    advice: "The workload \(workload.id) is released to guests that attest here: another verifier's "
                        + "token gives none."),
                .policyRefused(path),
                ["reason": "a workload's guests attest here: another verifier's token gives none"].merging(decision) {
                    $1
                }, at: time)
        }
        let (verdict, named): (Verdict, PolicyInForce?)
        let own = try await rules(for: workload)
        switch own {
        case .policy(let policy):
            decision.merge(policy.inTrail) { $1 }
            verdict = try await policy.decide(on: reader.claims, under: self.policy, at: time, asking: agent) {
                AgentInput(claims: try claims(), path: [path.repository, path.type, path.tag])
            }
            named = policy
        case .registration:
            verdict = expectations(of: reader.claims.tee, own).verdict(on: reader.claims.evidence, at: time)
            named = nil
        case .none: throw try await refused(path, reader, nil, .policyRefused(path), decision, at: time)
        }
        guard verdict.isAccepted else {
            throw try await refused(path, reader, verdict, .policyRefused(path), decision, at: time)
        }
        return Offer(
            secret: try await keys.open(found.sealed, for: workload.subject),
            source: .workload(workload, policy: named?.stamp),
            policy: named, decision: decision)
    }

    // MARK: Records

    private func record(
        _ path: ResourcePath, _ reader: ResourceReader, _ decision: [String: String], _ refusal: Refusal? = nil,
        at time: Date
    ) -> AuditRecord {
        var details = decision
        details["tee"] = reader.claims.tee.rawValue
        details["issuer"] = reader.issuer?.text
        details["measurement"] = reader.claims.measurement.map { Hex.encode($0) }
        return AuditRecord(
            .releaseResource, by: .guest, refusal == nil ? .done : .refused,
            workload: details.removeValue(forKey: "workload"), resource: path.text, session: Hex.encode(reader.id),
            chip: reader.chip.isEmpty ? nil : reader.chip, code: refusal?.code, details: details, at: time)
    }

    /// Records a refusal, within a budget.
    ///
    /// - Parameter decision: further members of the trail's record, for the operator and not for the guest.
    private func refused(
        _ path: ResourcePath, _ reader: ResourceReader, _ verdict: Verdict?, _ refusal: Refusal,
        _ decision: [String: String] = [:], at time: Date
    ) async throws -> Refusal {
        let told = refused(path, reader, verdict, refusal)
        let attempt = RecordedAttempt(
            Attempt(
                workload: nil, tee: .evidence(reader.claims.tee), session: reader.id, chip: reader.chip,
                verdict: verdict,
                // Claims from another verifier's token are not evidence that this server appraised.
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
    /// The reader as a release names it.
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

extension Verdict {
    /// The verdict on a guest for which no rules are evaluated, with the requirement that is not met.
    fileprivate init(unmet name: Check.Name, expected: String, found: String, advice: String) {
        self.init(of: [
            Requirement(name, expected: .text(expected), found: .text(found), isMet: false, advice: advice)
        ])
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
