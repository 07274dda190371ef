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

@Suite("For whom a vendor is asked")
struct AskingVendorsTests {
    let bench: Bench
    let broker: Broker
    let guest: PlainGuest

    init() throws {
        let snp = try Simulated.snp
        bench = try Bench(
            source: RecordingSource(vendor: [try Simulated.vcek.certificate, snp.ask, snp.asvk, snp.ark]))
        broker = try bench.broker()
        var guest = try PlainGuest("app")
        guest.hardware.certificates = []
        self.guest = guest
    }

    private var asked: Int { bench.source.counts.withLock { $0.keys + $0.authorities } }

    private func isAttested() async throws -> Bool {
        let refused = await refusal { try await guest.attest(broker) }
        if let refused {
            #expect(refused.code == .endorsementUnavailable && refused.sentence.contains("AMD is not asked"))
            #expect(refused.sentence.utf8.count <= 199)
        }
        #expect((refused == nil) == (asked > 0))
        return refused == nil
    }

    @Test("Nobody is asked for a guest that no policy, reference value or registration lets in")
    func nothing() async throws {
        let library = PolicyLibrary(bench.store)
        #expect(try await !isAttested())
        // Others' measurements, a policy for others, and a registration that is off.
        let other = try ReferenceValueSet(
            name: PolicyName("others"), kind: .measurement, values: [Simulated.measurement("other")], source: "",
            expires: nil)
        try await library.set(other, by: .server)
        var policy = Policy(name: try PolicyName("others"))
        policy.measurements = [.set(try PolicyName("others"))]
        _ = try await library.set(policy, document: "", by: .server)
        try await broker.register(Simulated.registration("team/app/key"))
        try await broker.setDisabled(true, WorkloadID("team/app/key"), by: .server)
        bench.wait(10)
        #expect(try await !isAttested())
    }

    @Test("A measurement among reference values is enough, as long as they hold")
    func reference() async throws {
        let library = PolicyLibrary(bench.store)
        let time = bench.clock.withLock { $0 }
        func set(_ expires: Date?) async throws {
            let values = try ReferenceValueSet(
                name: PolicyName("mine"), kind: .measurement, values: [Simulated.measurement("app")], source: "",
                expires: expires)
            try await library.set(values, by: .server)
        }
        try await set(time)
        #expect(try await !isAttested())
        try await set(nil)
        bench.wait(10)
        #expect(try await isAttested())
    }

    @Test("A policy that the guest meets is enough")
    func policy() async throws {
        var policy = Policy(name: try PolicyName("any"))
        policy.acceptsAnyMeasurement = true
        _ = try await PolicyLibrary(bench.store).set(policy, document: "", by: .server)
        #expect(try await isAttested())
    }

    @Test("The registration of a workload that can be asked for like a resource is enough")
    func registration() async throws {
        try await broker.register(
            Registration(
                id: WorkloadID("team/app/key"), launch: try Simulated.registration("app").launch, configuration: "",
                secret: Secret(Array("secret".utf8))))
        #expect(try await isAttested())
    }

    @Test("What claims to be signed by a VLEK has its authorities asked for once, and not at all without a VLEK")
    func vleks() async throws {
        var policy = Policy(name: try PolicyName("any"))
        policy.acceptsAnyMeasurement = true
        _ = try await PolicyLibrary(bench.store).set(policy, document: "", by: .server)
        let stranger = try SimulatedSNPPlatform(product: .milan)
        var claimed = guest
        claimed.hardware.template.keyInfo = 1 << 2
        for _ in 0..<5 {
            _ = await refusal { try await claimed.attest(broker) }
            #expect(bench.source.counts.withLock { $0.authorities } == 0)
        }
        claimed.hardware.certificates = [try stranger.vlek(tcb: Simulated.tcb).certificate]
        for _ in 0..<5 {
            #expect(await refusal { try await claimed.attest(broker) } != nil)
            #expect(bench.source.counts.withLock { $0.authorities } == 1)
        }
    }
}
