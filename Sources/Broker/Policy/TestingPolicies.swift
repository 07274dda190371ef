public import Evidence
import Foundation

extension Broker {
    /// Holds a recorded report against a policy: whether it is genuine, and whether it has what the policy asks for.
    /// Nothing is released, whether it is fresh is not looked at, and neither a vendor nor an agent is asked.
    ///
    /// - Parameter isKept: whether the policy is one of this server's; otherwise it is only tried out.
    public func appraise(
        recorded report: AttestationReport, certificates: [Certificate], against policy: ResourcePolicy,
        _ references: ReferenceValues, isKept: Bool, by actor: Actor
    ) async throws -> Verdict {
        let time = now()
        let result = try await appraiser.appraise(
            report, offered: certificates, expecting: expectations(nil, nil), at: time, evenIfHopeless: true,
            asksVendor: false)
        let claims = GuestClaims(.snp(SNPClaims(report, product: result.key?.product ?? report.product)))
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
