import Broker
import BrokerSupport
import Storage
import Testing

/// Takes no module, for this reason.
private struct UnwillingAgent: PolicyAgent {
    let reason: any Error & Sendable

    func allows(_ decision: String, _ question: AgentInput) async throws -> Bool { false }
    func put(module: String, id: String) async throws { throw reason }
    func module(_ id: String) async throws -> String? { nil }
}

@Suite("Modules that are handed on to an agent")
struct AdministeringModuleTests {
    private struct Away: Error {}

    @Test(
        "Whatever keeps an agent from taking one is in the trail",
        arguments: [CancellationError(), Away(), Refusal(.invalidField, "no")] as [any Error & Sendable])
    func failure(_ reason: any Error & Sendable) async throws {
        let bench = try Bench()
        let broker = try bench.broker()
        await #expect(throws: (any Error).self) {
            try await broker.put(
                module: "package policy", id: "policy", to: UnwillingAgent(reason: reason), by: .anonymous("test"))
        }
        let records = try await bench.store.trail().filter { $0["action"] == "module.set" }
        #expect(records.map { $0["outcome"] } == ["done", "refused"])
        #expect(records.last?["code"] == ((reason as? Refusal)?.code ?? .unavailable).rawValue)
    }

    @Test("A caller that hangs up does not take the record along")
    func hungUp() async throws {
        let bench = try Bench()
        let broker = try bench.broker()
        let agent = WaitingAgent()
        let task = Task {
            try await broker.put(module: "package policy", id: "policy", to: agent, by: .anonymous("test"))
        }
        await agent.isAsked()
        task.cancel()
        await #expect(throws: CancellationError.self) { try await task.value }
        let records = try await bench.store.trail().filter { $0["action"] == "module.set" }
        #expect(records.map { $0["outcome"] } == ["done", "refused"])
    }
}

/// Answers nothing until its caller gives up.
private struct WaitingAgent: PolicyAgent {
    private let stream = AsyncStream.makeStream(of: Void.self)

    func isAsked() async { for await _ in stream.stream { return } }
    func allows(_ decision: String, _ question: AgentInput) async throws -> Bool { false }
    func put(module: String, id: String) async throws {
        stream.continuation.yield()
        try await Task.sleep(for: .seconds(60))
    }
    func module(_ id: String) async throws -> String? { nil }
}
