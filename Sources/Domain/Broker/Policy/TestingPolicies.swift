public import Evidence

extension Broker {
    /// Holds recorded evidence against a policy: whether it is genuine, and whether it has what the policy asks for.
    /// Nothing is released, whether it is fresh is not looked at, and neither a vendor nor an agent is asked.
    ///
    /// - Parameters:
    ///   - initData: what the guest sent, of which HOST_DATA must be the digest.
    ///   - reportData: what the evidence must be bound to, 64 bytes; `nil` when that is not known.
    ///   - isKept: whether the policy is one of this server's; otherwise it is only tried out.
    public func appraise(
        recorded evidence: any Attestation, initData: Answer.InitData? = nil, boundTo reportData: [UInt8]? = nil,
        against policy: Policy,
        _ references: ReferenceValues, isKept: Bool, by actor: Actor
    ) async throws -> Verdict {
        let time = now()
        let result = try await appraiser.appraise(
            evidence,
            Exchange(
                reportData: reportData, initData: initData?.digest, takesSamples: self.policy.allowsSample, at: time),
            expecting: expectations(of: evidence.tee, .none), evenIfHopeless: true, asksVendor: { false })
        let claims = GuestClaims(result.claims, initData: initData?.claims ?? [:])
        let verdict = result.verdict.holding(
            to: policy.requirements(on: claims, references: references, under: self.policy, at: time))
        let failed = verdict.failures.map(\.name.text).joined(separator: " ")
        var record = AuditRecord(
            .testPolicy, by: actor, details: ["policy": policy.name.text, "accepted": "\(failed.isEmpty)"], at: time)
        if !failed.isEmpty { record.details["failed"] = failed }
        if !isKept { record.details["draft"] = "true" }
        try await self.record(record)
        return verdict
    }
}
