import Broker
import Bytes
import Concurrency
import Evidence
import EvidenceSupport
import Foundation
import Testing

/// Gives the answer that it is made with, and remembers what it was asked.
private final class ScriptedAgent: PolicyAgent {
    let questions = Lock<[(String, AgentInput)]>([])
    private let answer: Result<Bool, Refusal>

    init(_ answer: Result<Bool, Refusal>) { self.answer = answer }

    func allows(_ decision: String, _ question: AgentInput) async throws -> Bool {
        questions.withLock { $0.append((decision, question)) }
        return try answer.get()
    }

    func put(module: String, id: String) async throws {}
    func module(_ id: String) async throws -> String? { nil }
}

@Suite("Policies that ask an agent")
struct PolicyDecisionTests {
    private let claims = GuestClaims(PolicyDecisionTests.snp.evidence)
    private let question = AgentInput(claims: Array("{}".utf8), path: ["r", "t", "k"])

    private static var snp: SNPClaims {
        var claims = SNPClaims(measurement: Simulated.measurement("app"), policy: .unstated)
        claims.vmpl = 0
        (claims.committedTCB, claims.currentTCB) = (Simulated.tcb, Simulated.tcb)
        return claims
    }

    private func policy(_ measurement: String = "app") throws -> PolicyInForce {
        var policy = Policy(name: try PolicyName("web"))
        policy.measurements = [.value(Simulated.measurement(measurement))]
        policy.agentDecision = "policy/allow"
        return PolicyInForce(
            policy: policy, references: [:], stamp: PolicyInForce.Stamp(policy: Revision(1), references: []))
    }

    private func decide(_ policy: PolicyInForce, _ agent: (any PolicyAgent)?) async throws -> Verdict {
        try await policy.decide(on: claims, under: AppraisalPolicy(), at: Date(), asking: agent) { question }
    }

    @Test("A guest gets in when the rules and the agent let it in, and the agent is asked what the policy says")
    func both() async throws {
        let agent = ScriptedAgent(.success(true))
        let verdict = try await decide(try policy(), agent)
        #expect(verdict.isAccepted && verdict.checks.last?.name == .policyAgent)
        let asked = agent.questions.withLock { $0 }
        #expect(asked.count == 1 && asked.first?.0 == "policy/allow" && asked.first?.1 == question)
    }

    @Test("An agent's no is a check that failed")
    func no() async throws {
        let verdict = try await decide(try policy(), ScriptedAgent(.success(false)))
        #expect(verdict.failures.map(\.name) == [.policyAgent])
    }

    @Test("An agent that cannot be asked lets nobody in")
    func away() async throws {
        let agent = ScriptedAgent(.failure(Refusal(.unavailable, "It is away.")))
        let policy = try policy()
        await #expect(throws: Refusal(.unavailable, "It is away.")) { _ = try await decide(policy, agent) }
    }

    @Test("A policy that asks an agent lets nobody in where there is none")
    func none() async throws {
        let verdict = try await decide(try policy(), nil)
        #expect(verdict.failures.map(\.name) == [.policyAgent] && verdict.sentence.contains("policy.opa.url"))
    }

    @Test("An agent's yes does not help a guest that the rules refuse, and it is not asked")
    func rulesFirst() async throws {
        let agent = ScriptedAgent(.success(true))
        let verdict = try await decide(try policy("other"), agent)
        #expect(verdict.failures.map(\.name) == [.policyMeasurement])
        #expect(agent.questions.withLock { $0.isEmpty })
    }

    @Test("The server's settings hold beside a policy, each once, for the guests whose evidence it appraised itself")
    func settings() async throws {
        var claims = Self.snp
        claims.committedTCB = nil
        var policy = Policy(name: try PolicyName("web"))
        policy.measurements = [.value(Simulated.measurement("app"))]
        policy.issuers = ["https://verifier.example"]
        let inForce = PolicyInForce(
            policy: policy, references: [:], stamp: PolicyInForce.Stamp(policy: Revision(1), references: []))
        func decide(for issuer: ExactText?) async throws -> Verdict {
            try await inForce.decide(
                on: GuestClaims(claims.evidence), vouchedForBy: issuer, under: AppraisalPolicy(), at: Date(),
                asking: nil
            ) { question }
        }
        let verdict = try await decide(for: nil)
        #expect(verdict.failures.map(\.name) == [.snpProvisional])
        #expect(Set(verdict.checks.map(\.name)).count == verdict.checks.count)
        // What another verifier is trusted to have looked at is not asked of its token's claims again.
        #expect(try await decide(for: "https://verifier.example").isAccepted)
    }
}
