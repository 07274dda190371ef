import Broker
import Formats
import FoundationEssentials

/// Policies that accept no guest, or soon none: their reference values have expired or expire soon, or they ask an agent
/// that this server does not have.
struct ReferenceExamination: Examination {
    let folder: OpenedFolder
    let hasAgent: Bool
    let now: Date

    /// The time before expiry in which a warning is given, in seconds.
    private static let soon: TimeInterval = 7 * 86_400

    func findings() async -> [Finding] {
        guard let store = folder.store else { return [] }
        do {
            var findings: [Finding] = []
            var (after, count) = ("", 0)
            while case let page = try await store.policies(after: after, limit: 100), let last = page.last {
                for stored in page {
                    findings += agent(of: stored.policy)
                    findings += try await self.findings(on: stored.policy.name, in: store)
                }
                (after, count) = (last.policy.name.text, count + page.count)
            }
            guard findings.isEmpty else { return findings }
            return count == 0 ? [] : [.ok("references", "those of \(count) policies are valid for a week at least")]
        } catch {
            // Rows that contradict the manifest are reported with the manifest.
            return [
                .warning(
                    "references", "they cannot be read: \(error)",
                    do: "see the findings on the database, and run it again"
                )
            ]
        }
    }

    private func agent(of policy: Policy) -> [Finding] {
        guard let decision = policy.agentDecision, !hasAgent else { return [] }
        return [
            .warning(
                "policy.opa",
                "policy \(policy.name): it asks an Open Policy Agent for \(decision), and there is none: "
                    + "it accepts no guest", do: "set policy.opa.url, or take opa out of the policy")
        ]
    }

    private func findings(on name: PolicyName, in store: any ServerStore) async throws -> [Finding] {
        guard let policy = try await store.policyInForce(name) else { return [] }
        return policy.references.values.sorted { $0.name < $1.name }.compactMap { set in
            let subject = "policy \(name): @\(set.name) has \(set.life(at: now))"
            guard !set.inForce(at: now).isEmpty else {
                return .warning(
                    "references.expired", "\(subject): it accepts no guest",
                    do: "kbs reference set \(set.name) with later times, or take it out of the policy")
            }
            guard !set.inForce(at: now + Self.soon).isEmpty else {
                return .warning(
                    "references.expiry", subject,
                    do: "kbs reference set \(set.name) with what guests are launched from by then")
            }
            guard let successor = set.supersededBy, policy.references[successor] == nil else { return nil }
            return .warning(
                "references.superseded", subject, do: "name @\(successor) in the policy \(name): kbs policy set \(name)"
            )
        }
    }
}
