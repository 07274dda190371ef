import BrokerSupport
import Bytes
import Concurrency
import Evidence
import EvidenceSupport
import Foundation
import SimulatedHardware
import Storage
import Testing

@testable import Broker

@Suite("Workloads that name a policy")
struct WorkloadPolicyTests {
    let bench: Bench
    let broker: Broker
    let name: PolicyName

    init() async throws {
        bench = try Bench()
        broker = try bench.broker()
        name = try PolicyName("web")
        try await set(["app", "other"])
        try await register("web")
    }

    /// The policy lets in guests of these images.
    private func set(_ images: [String], change: (inout Policy) -> Void = { _ in }) async throws {
        var policy = Policy(name: name)
        policy.measurements = images.map { .value(Simulated.measurement($0)) }
        change(&policy)
        _ = try await PolicyLibrary(bench.store).set(policy, document: "", by: .server)
    }

    private func register(_ id: String, under policy: String = "web") async throws {
        try await broker.register(
            Registration(
                id: WorkloadID(id), launch: .policy(PolicyName(policy)), configuration: "",
                secret: Secret(Array("open sesame".utf8))))
    }

    /// - Returns: the session's id.
    private func attest(_ image: String, at broker: Broker? = nil) async throws -> String {
        let broker = broker ?? self.broker
        let challenge = try await broker.challenge(.workload(WorkloadID("web"), .snp))
        try await broker.attest(try Simulated.guest(image).answer(challenge.nonce), session: [challenge.session])
        return challenge.session
    }

    private func latestFailures() async throws -> [String]? {
        try await bench.store.attempts(AttemptSelection(), before: .max, limit: 1).first?.verdict?.failures.map(\.check)
    }

    @Test("Guests of every measurement in it get the key, and no others")
    func measurements() async throws {
        for image in ["app", "other"] {
            let session = try await attest(image)
            guard case .guest(let ciphertext) = try await broker.release("web", session: [session]) else {
                Issue.record("not a guest's")
                return
            }
            #expect(ciphertext.count == 256)
        }
        #expect(await code { _ = try await attest("stranger") } == .evidenceRefused)
        #expect(try await latestFailures() == ["policy.measurement"])
    }

    @Test("What the policy says when the guest asks counts, not what it said when it attested")
    func changed() async throws {
        let session = try await attest("app")
        try await set(["other"])
        let refused = await refusal { _ = try await broker.release("web", session: [session]) }
        #expect(refused?.code == .evidenceRefused && refused?.sentence.contains("[policy.measurement]") == true)
        let record = try #require(try await bench.store.trail().last)
        #expect(record["action"] == "secret.release" && record["failed"] == "policy.measurement")
        try await set(["app"])
        _ = try await broker.release("web", session: [session])
    }

    @Test("It is decided again when the policy changes between the decision and the record of the release")
    func overtaken() async throws {
        let interrupted = Lock(false)
        let agent = Interruption {
            if !interrupted.withLock({ old in
                defer { old = true }
                return old
            }) {
                try await set(["other"]) { $0.agentDecision = "policy/allow" }
            }
        }
        let asking = Broker(
            store: bench.store, endorsements: bench.source, keys: KeyRing(master: bench.master),
            anchors: try Simulated.anchors, asking: agent, now: { bench.clock.withLock { $0 } })
        try await set(["app"]) { $0.agentDecision = "policy/allow" }
        let session = try await attest("app", at: asking)
        #expect(await code { _ = try await asking.release("web", session: [session]) } == .evidenceRefused)
        #expect(try await !bench.store.trail().contains { $0["action"] == "secret.release" && $0["outcome"] == "done" })
    }

    @Test("A chip that is denied while an agent is asked gets nothing")
    func deniedMeanwhile() async throws {
        let agent = Interruption { [broker] in
            try await broker.deny(Endorser(chip: Simulated.snp.chipID), reason: "leaked", by: .server)
        }
        let asking = Broker(
            store: bench.store, endorsements: bench.source, keys: KeyRing(master: bench.master),
            anchors: try Simulated.anchors, asking: agent, now: { bench.clock.withLock { $0 } })
        try await set(["app"]) { $0.agentDecision = "policy/allow" }
        let session = try await attest("app", at: asking)
        let refused = await refusal { _ = try await asking.release("web", session: [session]) }
        #expect(refused?.code == .evidenceRefused && refused?.sentence.contains("[snp.denied]") == true)
    }

    @Test(
        "A guest that its policy does not let in is told so, also where no certificate is at hand, and nobody is asked")
    func hopeless() async throws {
        let source = RecordingSource(vendor: [
            try Simulated.vcek.certificate, try Simulated.snp.ask, try Simulated.snp.ark,
        ])
        let bench = try Bench(source: source)
        let broker = try bench.broker()
        var policy = Policy(name: name)
        policy.measurements = [.value(Simulated.measurement("app"))]
        _ = try await PolicyLibrary(bench.store).set(policy, document: "", by: .server)
        try await broker.register(
            Registration(
                id: WorkloadID("web"), launch: .policy(name), configuration: "", secret: Secret(Array("x".utf8))))
        func attest(_ image: String) async throws {
            var guest = try Simulated.guest(image)
            guest.certificates = []
            let challenge = try await broker.challenge(.workload(WorkloadID("web"), .snp))
            try await broker.attest(guest.answer(challenge.nonce), session: [challenge.session])
        }
        #expect(await code { try await attest("stranger") } == .evidenceRefused)
        #expect(source.counts.withLock { $0.keys + $0.authorities } == 0)
        try await attest("app")
        #expect(source.counts.withLock { $0.keys } == 1)
    }

    private struct Interruption: PolicyAgent {
        let body: @Sendable () async throws -> Void

        func allows(_ decision: String, _ question: AgentInput) async throws -> Bool {
            #expect(question.path == ["web"] && question.kind == "key")
            try await body()
            return true
        }

        func put(module: String, id: String) async throws {}
        func module(_ id: String) async throws -> String? { nil }
    }

    @Test("A guest that comes for it like for a resource is asked the same")
    func asResource() async throws {
        try await register("default/web/1")
        let path = try ResourcePath("default/web/1")
        func take(_ image: String) async throws -> Int {
            let guest = try await PlainGuest(image).attest(broker)
            return try await broker.releaseResource(path, to: .attested(guest), stating: { [] }) { secret, _ in
                secret.count
            }
        }
        #expect(try await take("other") == 11)
        #expect(await code { _ = try await take("stranger") } == .policyRefused)
        try await set(["stranger"])
        #expect(try await take("stranger") == 11)
    }

    @Test("A policy that is not there is named by nobody, and one that is named cannot be removed")
    func names() async throws {
        #expect(await code { try await register("late", under: "missing") } == .invalidField)
        let library = PolicyLibrary(bench.store)
        #expect(await code { try await library.removePolicy(name, by: .server) } == .inUse)
        try await broker.remove(WorkloadID("web"))
        try await library.removePolicy(name, by: .server)
    }

    @Test("No SEV host is challenged for it")
    func sev() async throws {
        let platform = try Simulated.sev
        let request = ChallengeRequest.sev(try WorkloadID("web"), build: platform.build, chain: platform.chain)
        #expect(await code { _ = try await broker.challenge(request) } == .technologyMismatch)
    }

    @Test("A secret does not open when its workload is put under another policy in the database")
    func sealedBeside() async throws {
        let workload = try #require(try await bench.store.workload(WorkloadID("web")))
        let found = try #require(try await bench.store.sealedSecret(of: WorkloadID("web")))
        let moved = Workload(
            row: workload.row, id: workload.id, launch: .policy(try PolicyName("lax")), configuration: "",
            registered: workload.registered)
        #expect(throws: Never.self) { try bench.keys.open(found.sealed.bytes, for: workload.subject) }
        #expect(throws: (any Error).self) { try bench.keys.open(found.sealed.bytes, for: moved.subject) }
    }
}

@Suite("What the server accepts, asked again at release")
struct SettingsAtReleaseTests {
    @Test("A guest that attested before the settings became stricter is given nothing, and the operator sees why")
    func stricter() async throws {
        let bench = try Bench()
        let broker = try bench.broker()
        try await broker.register(Simulated.registration("app"))
        let challenge = try await broker.challenge(.workload(WorkloadID("app"), .snp))
        try await broker.attest(try Simulated.guest("app").answer(challenge.nonce), session: [challenge.session])
        var policy = AppraisalPolicy()
        policy.snp.minimumTCB[.milan] = TCBVersion(bootLoader: 4, tee: 0, snp: 23, microcode: 0)
        let refused = await refusal { _ = try await bench.broker(policy).release("app", session: [challenge.session]) }
        #expect(refused?.code == .evidenceRefused && refused?.sentence.contains("[snp.minimum_tcb]") == true)
        let attempt = try #require(
            try await bench.store.attempts(AttemptSelection(), before: .max, limit: 1).first)
        #expect(attempt.action == "secret.release" && attempt.verdict?.failures.map(\.check) == ["snp.minimum_tcb"])
        _ = try await broker.release("app", session: [challenge.session])
    }

    @Test("Firmware that can be rolled back gets nothing from a stricter server, whatever decides beside its settings")
    func rollback() async throws {
        let bench = try Bench()
        var settings = AppraisalPolicy()
        settings.snp.allowsProvisionalFirmware = true
        let (lax, strict) = (try bench.broker(settings), try bench.broker())
        var policy = Policy(name: try PolicyName("web"))
        policy.measurements = [.value(Simulated.measurement("app"))]
        _ = try await PolicyLibrary(bench.store).set(policy, document: "", by: .server)
        let secret = Secret(Array("x".utf8))
        func register(_ id: String, _ launch: Launch) async throws {
            try await lax.register(
                Registration(id: WorkloadID(id), launch: launch, configuration: "", secret: secret))
        }
        try await register("app", .policy(policy.name))
        try await register("default/named/1", .policy(policy.name))
        try await register(
            "default/measured/1", .snp(measurement: Simulated.measurement("app"), policy: .unstated))
        try await lax.putResource(
            ResourcePath("default/put/1"), secret, policy: .named(policy.name), by: .server)
        var guest = try PlainGuest("app")
        guest.hardware.template.committedFirmware = [3, 55, 1]
        let challenge = try await lax.challenge(.workload(WorkloadID("app"), .snp))
        try await lax.attest(guest.hardware.answer(challenge.nonce), session: [challenge.session])
        let attested = try await guest.attest(lax)
        func take(_ path: String, from broker: Broker) async throws {
            _ = try await broker.releaseResource(ResourcePath(path), to: .attested(attested), stating: { [] }) { $1 }
        }
        func failures() async throws -> [String]? {
            try await bench.store.attempts(AttemptSelection(), before: .max, limit: 1).first?.verdict?.failures
                .map(\.check)
        }
        let refused = await refusal { _ = try await strict.release("app", session: [challenge.session]) }
        #expect(refused?.code == .evidenceRefused && refused?.sentence.contains("[snp.provisional_firmware]") == true)
        #expect(try await failures() == ["snp.provisional_firmware"])
        _ = try await lax.release("app", session: [challenge.session])
        for path in ["default/put/1", "default/named/1", "default/measured/1"] {
            #expect(await code { try await take(path, from: strict) } == .policyRefused, "\(path)")
            #expect(try await failures() == ["snp.provisional_firmware"], "\(path)")
            try await take(path, from: lax)
        }
    }
}
