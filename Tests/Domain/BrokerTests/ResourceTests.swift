import BrokerSupport
import Bytes
import Concurrency
import Crypto
import Evidence
import EvidenceSupport
import Foundation
import SQLite
import SimulatedHardware
import Testing

@testable import Broker
@testable import Storage

/// Says what it was told to say, and remembers what it was asked.
private final class StandInAgent: PolicyAgent {
    let answers: Lock<[Bool]>
    let questions = Lock<[AgentInput]>([])

    init(_ answers: [Bool]) { self.answers = Lock(answers) }

    func allows(_ decision: String, _ question: AgentInput) async throws -> Bool {
        questions.withLock { $0.append(question) }
        return answers.withLock { $0.isEmpty ? false : $0.removeFirst() }
    }

    func put(module: String, id: String) async throws {}
    func module(_ id: String) async throws -> String? { nil }
}

/// Lets in whoever it is asked about, after something else has happened.
private struct InterruptedAgent: PolicyAgent {
    let interruption: @Sendable () async throws -> Void

    init(_ interruption: @escaping @Sendable () async throws -> Void) { self.interruption = interruption }

    func allows(_ decision: String, _ question: AgentInput) async throws -> Bool {
        try await interruption()
        return true
    }

    func put(module: String, id: String) async throws {}
    func module(_ id: String) async throws -> String? { nil }
}

@Suite("Resources")
struct ResourceTests {
    let bench: Bench
    let broker: Broker
    let guest: AttestedGuest
    let path: ResourcePath

    init() async throws {
        bench = try Bench()
        broker = try bench.broker()
        guest = try await PlainGuest("app").attest(broker)
        path = try ResourcePath("default/key/1")
    }

    private var library: PolicyLibrary { PolicyLibrary(bench.store) }

    /// A policy for guests with a measurement.
    @discardableResult
    private func policy(
        _ name: String, for measurement: String = "app", changing change: (inout Policy) -> Void = { _ in }
    ) async throws -> PolicyChoice {
        var policy = Policy(name: try PolicyName(name))
        policy.measurements = [.value(Simulated.measurement(measurement))]
        change(&policy)
        try await library.set(policy, document: "", by: .server)
        return .named(policy.name)
    }

    @discardableResult
    private func put(_ text: String, _ policy: PolicyChoice? = nil) async throws -> Resource {
        try await broker.putResource(path, Secret(Array(text.utf8)), policy: policy, by: .server).resource
    }

    private func take(
        _ path: ResourcePath? = nil, to reader: ResourceReader? = nil, from broker: Broker? = nil
    ) async throws -> String {
        try await (broker ?? self.broker).releaseResource(
            path ?? self.path, to: reader ?? .attested(guest), stating: { Array(#"{"claims":1}"#.utf8) }
        ) { secret, key in
            secret.withBytes { String(decoding: $0, as: UTF8.self) } + " for \(key)"
        }
    }

    private func broker(asking agent: any PolicyAgent) throws -> Broker {
        Broker(
            store: bench.store, endorsements: bench.source, keys: KeyRing(master: bench.master),
            anchors: try Simulated.anchors, asking: agent, now: { [bench] in bench.clock.withLock { $0 } })
    }

    private func code(_ body: () async throws -> Void) async -> Refusal.Code? { await refusal(body)?.code }

    // MARK: Who gets what

    @Test("A guest that the policy lets in gets the resource, for its key, after the record of it")
    func release() async throws {
        try await put("sesame", policy("app"))
        #expect(try await take() == #"sesame for {"kty":"EC"}"#)
        let record = try #require(try await bench.store.trail().last)
        #expect(record["action"] == "resource.release" && record["resource"] == "default/key/1")
        #expect(record["session"] == Hex.encode(guest.id) && record["outcome"] == "done")
        #expect(record["measurement"] == Hex.encode(Simulated.measurement("app")))
        let revision = try await library.policy(try PolicyName("app")).revision
        #expect(record["policy"] == "app" && record["policy_revision"] == "\(revision)" && record["version"] == "1")
    }

    @Test("A guest that the policy does not let in gets nothing, and the operator sees each check")
    func refused() async throws {
        try await put("sesame", policy("other", for: "another image"))
        #expect(await code { _ = try await take() } == .policyRefused)
        let attempt = try #require(
            try await bench.store.attempts(AttemptSelection(workload: path.text), before: .max, limit: 1).first)
        #expect(attempt.action == "resource.release" && attempt.code == .policyRefused)
        #expect(attempt.verdict?.failures.map(\.check) == ["policy.measurement"])
        let record = try #require(try await bench.store.trail().last)
        #expect(record["outcome"] == "refused" && record["policy"] == "other")
        #expect(record["verdict_sha256"] == Hex.encode(Array(SHA256.hash(data: Data(attempt.verdictJSON.utf8)))))
    }

    @Test("A resource without a policy goes to nobody, and only the operator is told why")
    func withoutPolicy() async throws {
        try await put("sesame")
        let refusal = await refusal { _ = try await take() }
        #expect(refusal?.code == .policyRefused && refusal?.sentence.contains("no policy") == false)
        #expect(try await bench.store.trail().last?["reason"]?.contains("no policy") == true)
        let attempt = try #require(
            try await bench.store.attempts(AttemptSelection(workload: path.text), before: .max, limit: 1).first)
        #expect(attempt.verdict?.failures.map(\.check) == ["policy.assigned"])
        #expect(attempt.verdict?.failures.first?.advice?.contains("kbs resource assign \(path)") == true)
    }

    @Test("There is nothing at a path that nobody put")
    func missing() async throws {
        #expect(await code { _ = try await take() } == .notFound)
        #expect(try await bench.store.trail().last?["code"] == "not_found")
    }

    @Test("A disabled resource goes to nobody, until it is enabled again")
    func disabled() async throws {
        try await put("sesame", policy("app"))
        try await broker.setDisabled(true, resource: path, by: .server)
        #expect(await code { _ = try await take() } == .resourceDisabled)
        // A new version does not enable it: whoever disabled it does.
        try await put("sesame 2")
        #expect(await code { _ = try await take() } == .resourceDisabled)
        try await broker.setDisabled(false, resource: path, by: .server)
        #expect(try await take().hasPrefix("sesame 2"))
    }

    @Test("A guest whose session has ended gets nothing, though it was attested a moment ago")
    func endedGuest() async throws {
        try await put("sesame", policy("app"))
        _ = try await broker.endSessions(SessionSelection(id: guest.id), by: .server)
        #expect(await code { _ = try await take() } == .sessionInvalid)
        #expect(try await bench.store.trail().last?["action"] == "session.end")
    }

    @Test("A guest whose session has expired gets nothing")
    func expiredGuest() async throws {
        try await put("sesame", policy("app"))
        bench.wait(broker.lifetimes.session)
        #expect(await code { _ = try await take() } == .sessionInvalid)
    }

    @Test("A guest whom another verifier vouches for gets what the policy gives it, until its token expires")
    func foreignGuest() async throws {
        try await put("sesame", policy("app") { $0.issuers = ["https://verifier.example"] })
        func reader(expiring: TimeInterval) -> ResourceReader {
            .foreign(
                ForeignGuest(
                    issuer: "https://verifier.example", claims: guest.claims, key: "theirs",
                    issued: bench.clock.withLock { $0 },
                    expires: bench.clock.withLock { $0 }.addingTimeInterval(expiring)))
        }
        #expect(try await take(to: reader(expiring: 60)) == "sesame for theirs")
        #expect(try await bench.store.trail().last?["issuer"] == "https://verifier.example")
        #expect(await code { _ = try await take(to: reader(expiring: 0)) } == .sessionInvalid)
    }

    @Test("Another verifier's word opens what its policy puts under it by name, and never a workload; A2")
    func foreignWord() async throws {
        let reader = ResourceReader.foreign(
            ForeignGuest(
                issuer: "https://verifier.example", claims: guest.claims, key: "theirs", issued: .distantPast,
                expires: .distantFuture))
        for issuers: [ExactText] in [[], ["https://verifier.example/"], ["https://VERIFIER.example"]] {
            try await put("sesame", policy("app") { $0.issuers = issuers })
            #expect(await code { _ = try await take(to: reader) } == .policyRefused)
            #expect(try await take() == "sesame for \(guest.key)", "one that attested here gets it")
        }
        let workload = try WorkloadID("default/disk/1")
        try await broker.register(
            Registration(
                id: workload, launch: .snp(measurement: Simulated.measurement("app"), policy: .unstated),
                configuration: "", secret: Secret(Array("passphrase".utf8))))
        let path = try ResourcePath(workload.text)
        #expect(await code { _ = try await take(path, to: reader) } == .policyRefused)
    }

    @Test("A guest that asks too often for one resource must wait, and can have another")
    func limit() async throws {
        try await put("sesame", policy("app"))
        for _ in 1...60 { _ = try await take() }
        // On a machine that is slow, one more may have become due meanwhile.
        var refused: Refusal?
        for _ in 1...100 where refused == nil { refused = await refusal { _ = try await take() } }
        #expect(refused?.code == .rateLimited && (refused?.retryAfter ?? 0) > 0)
        let other = try ResourcePath("default/key/2")
        try await broker.putResource(other, Secret([1] as [UInt8]), policy: policy("app"), by: .server)
        #expect(try await take(other).isEmpty == false)
    }

    @Test("A guest that tries one name after another must wait, also for what it may have")
    func limitOfAll() async throws {
        try await put("sesame", policy("app"))
        var refused: Refusal?
        for number in 1...6_000 where refused == nil {
            let path = try ResourcePath("made/up/\(number)")
            guard await code({ _ = try await take(path) }) == .rateLimited else { continue }
            // On a machine that is slow, one more may have become due meanwhile.
            refused = await refusal { _ = try await take() }
        }
        #expect(refused?.code == .rateLimited)
    }

    @Test("A guest whose session is ended while an agent is asked gets nothing")
    func endedMeanwhile() async throws {
        let bench = bench
        let ending = try bench.broker()
        let guest = guest
        let agent = InterruptedAgent {
            bench.wait(1)
            _ = try await ending.endSessions(SessionSelection(id: guest.id), by: .server)
        }
        let broker = try broker(asking: agent)
        try await put("sesame", policy("asked") { $0.agentDecision = "policy/allow" })
        #expect(await code { _ = try await take(from: broker) } == .sessionInvalid)
    }

    @Test("A token of another verifier that expires while an agent is asked opens nothing")
    func expiredMeanwhile() async throws {
        let bench = bench
        let broker = try broker(asking: InterruptedAgent { bench.wait(60) })
        try await put(
            "sesame",
            policy("asked") {
                $0.agentDecision = "policy/allow"
                $0.issuers = ["https://verifier.example"]
            })
        let reader = ResourceReader.foreign(
            ForeignGuest(
                issuer: "https://verifier.example", claims: guest.claims, key: "theirs",
                issued: bench.clock.withLock { $0 }, expires: bench.clock.withLock { $0 }.addingTimeInterval(60)))
        #expect(await code { _ = try await take(to: reader, from: broker) } == .sessionInvalid)
    }

    @Test("What cannot be encrypted to the guest is not recorded as released")
    func failedWrap() async throws {
        try await put("sesame", policy("app"))
        let before = try await bench.store.auditHead()
        #expect(
            await code {
                _ = try await broker.releaseResource(path, to: .attested(guest), stating: { [] }) { _, _ in
                    throw Refusal(.malformed, "no such key")
                }
            } == .malformed)
        #expect(try await bench.store.auditHead() == before)
    }

    // MARK: What changes meanwhile

    @Test("A resource that changes while it is being decided on is decided on again")
    func changedMeanwhile() async throws {
        let agent = StandInAgent([true, true])
        let broker = try broker(asking: agent)
        try await put("sesame", policy("asked") { $0.agentDecision = "policy/allow" })
        let isFirst = Lock(true)
        let secret = try await broker.releaseResource(path, to: .attested(guest), stating: { Array("{}".utf8) }) {
            secret, _ in
            // After the decision, and before the record of it.
            if isFirst.withLock({ first in
                defer { first = false }; return first
            }) {
                try bench.store.touch(path)
            }
            return secret.withBytes { String(decoding: $0, as: UTF8.self) }
        }
        #expect(secret == "sesame" && agent.questions.withLock { $0.count } == 2)
        #expect(agent.questions.withLock { $0.first }?.path == ["default", "key", "1"])
    }

    @Test("A chip that is denied between decision and record gets nothing, and the trail has no release after it")
    func deniedMeanwhile() async throws {
        try await put("sesame", policy("app"))
        let app = try WorkloadID("app")
        try await broker.register(Simulated.registration("app"))
        let challenge = try await broker.challenge(.workload(app, .snp))
        try await broker.attest(try Simulated.guest("app").answer(challenge.nonce), session: [challenge.session])
        let chip = Endorser(chip: try Simulated.snp.chipID)
        for release in [
            {
                _ = try await broker.releaseResource(path, to: .attested(guest), stating: { [] }) { _, _ in
                    try bench.store.denyAtOnce(chip)
                }
            },
            {
                _ = try await broker.release("app", session: [challenge.session]) { _, _ in
                    try bench.store.denyAtOnce(chip)
                }
            },
        ] as [() async throws -> Void] {
            let refused = await refusal { try await release() }
            #expect(refused?.code == .evidenceRefused && refused?.sentence.contains("[snp.denied]") == true)
            try await broker.allow(chip, by: .server)
        }
        let released = try await bench.store.trail().filter {
            ($0["action"] ?? "").hasSuffix(".release") && $0["outcome"] == "done"
        }
        #expect(released.isEmpty)
    }

    @Test("A policy that becomes stricter between decision and record counts", arguments: ["policy", "reference"])
    func stricterMeanwhile(_ what: String) async throws {
        let name = try PolicyName("web")
        func set(_ measurement: String) async throws {
            try await library.set(
                ReferenceValueSet(
                    name: name, kind: .measurement, values: [Simulated.measurement(measurement)], source: "",
                    expires: nil),
                by: .server)
        }
        try await set("app")
        try await put("sesame", policy("app") { $0.measurements = [.set(name)] })
        let store = bench.store
        let found = try #require(try await store.sealedResource(path))
        let before = try #require(try await store.policyInForce(try PolicyName("app")))
        if what == "reference" { try await set("another image") } else { try await policy("app", for: "another image") }
        let outcome = try await store.record(
            ResourceRelease(
                .resource(found.resource, policy: before.stamp), to: .attested(guest.id),
                denyListState: store.denyListState),
            at: bench.clock.withLock { $0 }, recording: AuditRecord(.releaseResource, by: .guest, at: Date()))
        #expect(outcome == .changed)
        #expect(await code { _ = try await take() } == .policyRefused)
    }

    @Test("A value that expires lets in until then and no longer, though nobody changes anything")
    func expiry() async throws {
        let name = try PolicyName("web")
        let now = bench.clock.withLock { $0 }
        try await library.set(
            ReferenceValueSet(
                name: name, kind: .measurement,
                values: [
                    ReferenceValue(Simulated.measurement("app"), ValidityPeriod(expires: now + 60)),
                    ReferenceValue(Simulated.measurement("next"), ValidityPeriod(from: now + 60)),
                ], source: ""), by: .server)
        try await put("sesame", policy("app") { $0.measurements = [.set(name)] })
        let next = try await PlainGuest("next").attest(broker)
        func take(_ guest: AttestedGuest) async throws {
            _ = try await self.take(to: .attested(guest))
        }
        try await take(guest)
        #expect(await code { try await take(next) } == .policyRefused)
        bench.clock.withLock { $0 += 59 }
        try await take(guest)
        bench.clock.withLock { $0 += 1 }
        #expect(await code { try await take(guest) } == .policyRefused)
        try await take(next)
    }

    // MARK: One store

    @Test("A workload is a resource with a policy of one measurement")
    func workload() async throws {
        let id = "default/key/1"
        try await broker.register(
            Registration(
                id: WorkloadID(id), launch: .snp(measurement: Simulated.measurement("app"), policy: .unstated),
                configuration: "", secret: Secret(Array("passphrase".utf8))))
        #expect(try await take().hasPrefix("passphrase"))
        let record = try #require(try await bench.store.trail().last)
        #expect(record["action"] == "resource.release" && record["workload"] == id)
        try await broker.setDisabled(true, WorkloadID(id), by: .server)
        #expect(await code { _ = try await take() } == .workloadDisabled)
    }

    @Test("A workload's secret goes to no guest with another measurement, nor with a wider policy")
    func otherWorkload() async throws {
        func register(_ measurement: String, _ policy: GuestPolicy) async throws {
            try await broker.register(
                Registration(
                    id: WorkloadID(path.text),
                    launch: .snp(measurement: Simulated.measurement(measurement), policy: policy),
                    configuration: "", secret: Secret(Array("passphrase".utf8))))
        }
        func failures() async throws -> [String]? {
            #expect(await code { _ = try await take() } == .policyRefused)
            return try await bench.store.attempts(AttemptSelection(workload: path.text), before: .max, limit: 1)
                .first?.verdict?.failures.map(\.check)
        }
        // As the protocol of workloads names the checks: there is no policy.
        try await register("another image", .unstated)
        #expect(try await failures() == ["snp.measurement"])
        try await register("app", .reservedOne)
        #expect(try await failures() == ["snp.policy"])
        try await register("app", [.unstated, .singleSocket])
        #expect(try await failures() == ["snp.policy"])
        try await register("app", GuestPolicy(rawValue: GuestPolicy.unstated.rawValue | 0x0137))
        #expect(try await failures() == ["snp.policy"])
        let advice = try await bench.store.attempts(AttemptSelection(workload: path.text), before: .max, limit: 1)
            .first?.verdict?.failures.first?.advice
        #expect(advice?.contains("register this one") == true && advice?.contains("policy registration") == false)
    }

    @Test("A guest without hardware gets no secret of a workload whose measurement is registered")
    func sampleForWorkload() async throws {
        var settings = AppraisalPolicy()
        settings.allowsSample = true
        let broker = try bench.broker(settings)
        try await broker.register(
            Registration(
                id: WorkloadID(path.text), launch: .snp(measurement: Simulated.measurement("app"), policy: .unstated),
                configuration: "", secret: Secret(Array("passphrase".utf8))))
        let challenge = try await broker.challenge(.guest(.sample))
        let sample = try await broker.attestGuest(
            PlainGuest("app").sample(challenge), session: [challenge.session]
        ) { _ in "" }
        #expect(await code { _ = try await take(to: .attested(sample), from: broker) } == .policyRefused)
        let record = try #require(try await bench.store.trail().last)
        #expect(record["reason"] == "the workload is registered for snp, the guest is sample")
    }

    @Test("An SEV workload's secret goes to no such guest")
    func sevWorkload() async throws {
        try await broker.register(Simulated.sevRegistration(path.text))
        #expect(await code { _ = try await take() } == .policyRefused)
    }

    @Test("A name belongs to a workload or to a resource, never to both")
    func oneStore() async throws {
        try await put("sesame")
        #expect(await code { try await broker.register(Simulated.registration(path.text)) } == .resourceExists)
        try await broker.removeResource(path, by: .server)
        try await broker.register(Simulated.registration(path.text))
        #expect(await code { try await put("sesame") } == .workloadExists)
    }

    // MARK: Administration

    @Test("Each put makes the next version, which is the one that is given out; an old one can be made current again")
    func versions() async throws {
        let policy = try await policy("app")
        #expect(try await put("one", policy).current.number == 1)
        #expect(try await put("two").current.number == 2)
        #expect(try await take().hasPrefix("two"))
        try await broker.rollBackResource(path, to: 1, by: .server)
        #expect(try await take().hasPrefix("one"))
        // The next version is not one that was there.
        let third = try await put("three")
        #expect(third.current.number == 3 && third.latest == 3 && third.policy?.text == "app")
        #expect(await code { try await broker.rollBackResource(path, to: 4, by: .server) } == .notFound)
    }

    @Test("An old version comes back under the policy that it was put under, and not under a later version's")
    func policyOfVersion() async throws {
        try await put("for the app", policy("app"))
        let foreign = try await policy("other", for: "another image")
        // Whoever puts the next version may say who gets that, and nothing of what others have put.
        try await put("for others", foreign)
        #expect(await code { _ = try await take() } == .policyRefused)
        try await broker.rollBackResource(path, to: 1, by: .server)
        #expect(try await take().hasPrefix("for the app"))
        #expect(try await bench.store.resource(path)?.policy?.text == "app")
        let record = try await bench.store.trail().last { $0["action"] == "resource.rollback" }
        #expect(record?["version"] == "1" && record?["policy"] == "app")
        // What an admin says counts for all of them.
        try await broker.setPolicy(foreign, ofResource: path, by: .server)
        #expect(try await bench.store.versions(of: path).map(\.policy?.text) == ["other", "other"])
        try await broker.rollBackResource(path, to: 2, by: .server)
        try await broker.rollBackResource(path, to: 1, by: .server)
        #expect(await code { _ = try await take() } == .policyRefused)
    }

    @Test("Old versions are kept up to their number, and the current one whatever its age")
    func oldVersions() async throws {
        for number in 1...12 { try await put("\(number)") }
        #expect(try await bench.store.versions(of: path).map(\.number) == Array((2...12).reversed()))
        try await broker.rollBackResource(path, to: 2, by: .server)
        try await put("13")
        #expect(try await bench.store.versions(of: path).map(\.number) == Array((3...13).reversed()))
    }

    @Test("Puts at once lose nothing and each get a version of their own")
    func concurrentPuts() async throws {
        let numbers = try await withThrowingTaskGroup { group in
            for number in 1...6 {
                group.addTask {
                    try await broker.putResource(path, Secret(Array("\(number)".utf8)), by: .server).resource.latest
                }
            }
            return try await group.reduce(into: []) { $0.append($1) }
        }
        #expect(numbers.sorted() == Array(1...6))
    }

    @Test("A change that takes another state for granted is refused")
    func expectations() async throws {
        let first = try await put("one", policy("app"))
        try await put("two")
        let stale = Resource.Expectation.revision(first.revision)
        let secret = Secret([1] as [UInt8])
        #expect(
            await code { try await broker.putResource(path, secret, expecting: stale, by: .server) }
                == .preconditionFailed)
        #expect(
            await code {
                try await broker.putResource(path, secret, expecting: Resource.Expectation.none, by: .server)
            } == .preconditionFailed)
        #expect(
            await code { try await broker.putResource(path, secret, replacing: false, by: .server) }
                == .resourceExists)
        #expect(
            await code { try await broker.removeResource(path, expecting: stale, by: .server) } == .preconditionFailed)
        #expect(
            await code { try await broker.setDisabled(true, resource: path, expecting: stale, by: .server) }
                == .preconditionFailed)
        #expect(try await bench.store.resource(path)?.current.number == 2)
    }

    @Test("What is not there can be neither removed nor changed")
    func nothingThere() async throws {
        #expect(await code { try await broker.removeResource(path, by: .server) } == .notFound)
        #expect(await code { try await broker.setDisabled(true, resource: path, by: .server) } == .notFound)
        #expect(await code { try await broker.rollBackResource(path, to: 1, by: .server) } == .notFound)
    }

    @Test("A resource cannot name a policy that is not there, and a policy that decides over one cannot be removed")
    func policies() async throws {
        let unknown = PolicyChoice.named(try PolicyName("unknown"))
        #expect(await code { try await put("sesame", unknown) } == .invalidField)
        try await put("sesame", policy("app"))
        #expect(await code { try await broker.setPolicy(unknown, ofResource: path, by: .server) } == .invalidField)
        #expect(await code { try await library.removePolicy(try PolicyName("app"), by: .server) } == .inUse)
        try await broker.setPolicy(.none, ofResource: path, by: .server)
        #expect(await code { _ = try await take() } == .policyRefused)
        try await library.removePolicy(try PolicyName("app"), by: .server)
    }

    @Test("Resources that are empty or too long are not taken")
    func sizes() async throws {
        let small = Broker(
            store: bench.store, endorsements: bench.source, keys: KeyRing(master: bench.master), longestResource: 4)
        func put(_ count: Int) async throws {
            try await small.putResource(path, Secret(Array(repeating: UInt8(0), count: count)), by: .server)
        }
        #expect(await code { try await put(0) } == .invalidField)
        #expect(await code { try await put(5) } == .invalidField)
        try await put(4)
    }

    // MARK: At rest

    @Test("A version opens at its own path and number only, and not when anything of it was changed")
    func sealing() async throws {
        let other = try ResourcePath("default/key/2")
        let ring = KeyRing(master: bench.master)
        let sealed = try ring.seal(Secret([1, 2, 3] as [UInt8]), for: .resource(path, version: 1))
        #expect(try await ring.open(sealed, for: .resource(path, version: 1)).withBytes { Array($0) } == [1, 2, 3])
        await #expect(throws: (any Error).self) { try await ring.open(sealed, for: .resource(path, version: 2)) }
        await #expect(throws: (any Error).self) { try await ring.open(sealed, for: .resource(other, version: 1)) }
        var bytes = sealed.bytes
        bytes[14] ^= 1
        let changed = Sealed(bytes: bytes, masterKey: sealed.masterKey)
        await #expect(throws: (any Error).self) { try await ring.open(changed, for: .resource(path, version: 1)) }
    }

    @Test("A version that was moved to another resource in the database is not given out")
    func moved() async throws {
        try await put("sesame", policy("app"))
        let other = try ResourcePath("default/key/2")
        try await broker.putResource(other, Secret(Array("other".utf8)), policy: policy("app"), by: .server)
        try bench.store.tamper(
            "UPDATE resource_versions SET sealed = (SELECT sealed FROM resource_versions WHERE resource = 1)")
        await #expect(throws: (any Error).self) { try await take(other) }
        #expect(try await take().hasPrefix("sesame"))
    }

    @Test("A rotation moves every version to the new key, after which the old one can be retired")
    func rotation() async throws {
        for number in 1...5 { try await put("\(number)", policy("app")) }
        let (new, old) = (SymmetricKey(size: .bits256), bench.keys.id)
        let ring = KeyRing(master: new, previous: [bench.master])
        try await bench.store.activate(ring.held.active.id, previous: [old], at: Date())
        #expect(try await bench.store.retire(old, at: Date()) == false, "versions are under it")
        #expect(try await Resealing(keys: ring, store: bench.store, batchSize: 2).run().resealed == 6)
        let usage = try await bench.store.masterKeyUsage(at: Date())
        #expect(usage.first { $0.id == ring.held.active.id }?.resources == 5)
        let alone = KeyRing(master: new)
        #expect(try await Resealing.unopened(with: alone, in: bench.store).isEmpty)
        #expect(try await Resealing.unopened(with: KeyRing(master: bench.master), in: bench.store).count == 5)
        let found = try #require(try await bench.store.resourceVersions(notUnder: "", after: .start, limit: 9).last)
        #expect(
            try await alone.open(found.sealed, for: .resource(path, version: 5)).withBytes { Array($0) }
                == Array("5".utf8))
        // The guest's own session holds it until it has ended.
        #expect(try await bench.store.retire(old, at: bench.clock.withLock { $0 }) == false)
        #expect(try await bench.store.retire(old, at: guest.expires))
    }
}

@Suite("Paths of resources")
struct ResourcePathTests {
    @Test(
        "Three segments of letters, digits and a few marks are a path",
        arguments: ["default/key/1", "a/b/c", "A_1/b-2/c.d", ".a/b../c"])
    func paths(_ text: String) throws {
        #expect(try ResourcePath(text).text == text)
    }

    @Test(
        "Nothing else is",
        arguments: [
            "", "/", "a", "a/b", "a/b/c/d", "/a/b/c", "a/b/c/", "a//c", "./b/c", "a/../c", "a/b/..", "a b/c/d", "a/b/ü",
            "a/b/c%2F",
            "a/b/c\n", "a/b/\0", "a\\b/c/d", String(repeating: "a", count: 101) + "/b/c",
        ])
    func others(_ text: String) {
        #expect(throws: Refusal.self) { try ResourcePath(text) }
    }
}

extension SQLiteStore {
    /// Denies a chip, on the caller's thread.
    fileprivate func denyAtOnce(_ endorser: Endorser) throws {
        let denial = Denial(endorser, reason: "leaked", actor: "server", time: Date(timeIntervalSince1970: 0))
        try writer.write { database in
            let change = SQLiteChange(database: database, manifest: manifest, states: Lock(0))
            try change.execute(
                "INSERT INTO denials (name, reason, actor, denied) VALUES (?1, ?2, ?3, ?4)",
                [.text(endorser.name), .text(denial.reason), .text(denial.actor), .time(denial.time)])
            try change.list([ManifestEntry(denial)])
        }
    }
}
