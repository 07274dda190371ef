import Bytes
import Crypto
import Evidence

extension Broker {
    /// Hands a module in Rego on to an Open Policy Agent, in place of the one with this id. The record of it comes first: no
    /// rule changes without one. A second says so if the agent did not take it.
    ///
    /// - Throws: a ``Refusal``: `invalidField` with the agent's words when the module does not compile, `unavailable` when
    ///   the agent does not answer.
    public func put(module text: String, id: String, to agent: any PolicyAgent, by actor: Actor) async throws {
        let digest = Hex.encode(SHA256.hash(data: text.utf8))
        func record(_ outcome: AuditRecord.Outcome, _ code: Refusal.Code? = nil) -> AuditRecord {
            AuditRecord(
                .setModule, by: actor, outcome, code: code, details: ["module": id, "sha256": digest], at: now())
        }
        try await self.record(record(.done))
        do { try await agent.put(module: text, id: id) } catch {
            // Of a task of its own: a caller that hangs up does not take the record along.
            let refused = record(.refused, (error as? Refusal)?.code ?? .unavailable)
            try await Task { try await self.record(refused) }.value
            throw error
        }
    }
}
