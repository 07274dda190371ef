import Bytes
import Crypto
import Evidence

extension Broker {
    /// Sends a module in Rego to an Open Policy Agent, where it replaces the one with this id. The change is recorded
    /// before it is made; when the agent refuses it, a second record says so.
    ///
    /// - Throws: a ``Refusal``: `invalidField` with the agent's words when the module does not compile, `unavailable`
    ///   when the agent does not answer.
    public func put(module text: String, id: String, to agent: any PolicyAgent, by actor: Actor) async throws {
        let digest = Hex.encode(SHA256.hash(data: text.utf8))
        func record(_ outcome: AuditRecord.Outcome, _ code: Refusal.Code? = nil) -> AuditRecord {
            AuditRecord(
                .setModule, by: actor, outcome, code: code, details: ["module": id, "sha256": digest], at: now())
        }
        try await self.record(record(.done))
        do { try await agent.put(module: text, id: id) } catch {
            // In its own task, so that the record is written also when the caller hangs up.
            let refused = record(.refused, (error as? Refusal)?.code ?? .unavailable)
            try await Task { try await self.record(refused) }.value
            throw error
        }
    }
}
