public import Evidence

extension Broker {
    /// Appraises recorded evidence against a policy: whether it is genuine, and meets the policy's rules. Nothing is
    /// released, freshness is not checked, and neither a vendor nor an agent is asked.
    ///
    /// - Parameters:
    ///   - initData: the guest's init data, whose digest HOST_DATA must hold.
    ///   - reportData: the report data that the evidence must hold, 64 bytes; `nil` when unknown.
    ///   - isKept: whether the policy is stored on this server; otherwise it is a draft.
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
