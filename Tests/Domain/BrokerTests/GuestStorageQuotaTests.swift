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

@Suite("How much of the database a chip's guests may fill")
struct GuestStorageQuotaTests {
    private func guest(_ chip: String, bytes: Int) -> StoredSession {
        StoredSession(
            id: [], workload: nil, tee: "snp", chip: chip, claims: String(repeating: "x", count: bytes), key: "",
            token: "", opened: .distantPast, expires: .distantPast, code: [], masterKey: "")
    }

    @Test("A chip's guests are turned away when they have filled their share, and other chips' are not")
    func share() {
        let (room, start) = (GuestStorageQuota(), ContinuousClock.now)
        let large = guest("aa", bytes: 1_048_576 - 1)
        for _ in 0..<64 { #expect(room.wait(for: large, of: "aa", at: start) == nil) }
        let wait = room.wait(for: large, of: "aa", at: start)
        #expect(wait.map { $0.seconds > 60 && !$0.ofAll } == true)
        #expect(room.wait(for: guest("bb", bytes: 1), of: "bb", at: start) == nil)
        #expect(room.wait(for: large, of: "aa", at: start.advanced(by: .seconds(wait?.seconds ?? 0))) == nil)
    }

    @Test("All machines together fill no more than their share of the disk")
    func all() {
        let (room, start) = (GuestStorageQuota(), ContinuousClock.now)
        let large = guest("", bytes: 1_048_576 - 1)
        for machine in 0..<1_024 { #expect(room.wait(for: large, of: "\(machine)", at: start) == nil) }
        // A machine is not charged for what it did not get.
        for _ in 0..<64 { #expect(room.wait(for: large, of: "another", at: start)?.ofAll == true) }
        #expect(room.wait(for: large, of: "another", at: start.advanced(by: .seconds(12))) == nil)
    }

    @Test("A guest whose chip is hidden is counted by its cloud's key and its network")
    func hidden() async throws {
        let snp = try Simulated.snp
        let bench = try Bench()
        let broker = try bench.broker()
        let signer = try snp.vlek(tcb: Simulated.tcb, validFor: 5)
        var guest = try PlainGuest("app")
        guest.hardware = try SimulatedSNPGuest(
            workload: "app", on: snp, measurement: Simulated.measurement("app"), tcb: Simulated.tcb, signer: signer)
        guest.hardware.template.keyInfo = 1 << 2
        guest.hardware.template.chipID = Array(repeating: 0, count: 64)
        guest.hardware.certificates = [signer.certificate, snp.asvk, snp.ark]
        // Seven fit into 64 MiB, and what is refilled meanwhile is far from an eighth.
        let large = String(repeating: "t", count: 9 << 20)
        func attest(from network: String) async -> Refusal? {
            await Caller.$current.withValue(Caller(network: network)) {
                await refusal {
                    let challenge = try await broker.challenge(.guest(.snp))
                    _ = try await broker.attestGuest(guest.answer(challenge), session: [challenge.session]) { _ in large
                    }
                }
            }
        }
        for _ in 0..<7 { #expect(await attest(from: "192.0.2.1") == nil) }
        #expect(await attest(from: "192.0.2.1")?.code == .rateLimited)
        #expect(await attest(from: "192.0.2.2") == nil)
    }

    @Test("A guest whose session could not be stored is charged nothing, alone or with all others")
    func givenBack() async throws {
        let (room, start) = (GuestStorageQuota(), ContinuousClock.now)
        let large = guest("", bytes: 1_048_576 - 1)
        // Sixteen machines fill theirs, and so that of all.
        for number in 0..<1_024 { #expect(room.wait(for: large, of: "\(number / 64)", at: start) == nil) }
        #expect(room.wait(for: large, of: "another", at: start)?.ofAll == true)
        #expect(room.wait(for: large, of: "0", at: start)?.ofAll == false)
        room.giveBack(for: large, of: "0", at: start)
        #expect(room.wait(for: large, of: "0", at: start) == nil)
        #expect(room.wait(for: large, of: "0", at: start)?.ofAll == false)

        let bench = try Bench()
        let broker = try bench.broker()
        let guest = try PlainGuest("app")
        // Seven fit into a machine's quota.
        let token = String(repeating: "t", count: 9 << 20)
        func attest() async throws {
            let challenge = try await broker.challenge(.guest(.snp))
            _ = try await broker.attestGuest(guest.answer(challenge), session: [challenge.session]) { _ in token }
        }
        try bench.store.tamper("CREATE TRIGGER fail BEFORE INSERT ON sessions BEGIN SELECT RAISE(ABORT, 'no'); END")
        for _ in 0..<8 { await #expect(throws: (any Error).self) { try await attest() } }
        try bench.store.tamper("DROP TRIGGER fail")
        try await attest()
    }

    @Test("A node starts two thousand guests with the same 62 KB of init data, and none is refused; C1")
    func node() async throws {
        let bench = try Bench()
        let broker = try bench.broker()
        let initData = Answer.InitData(
            digest: [UInt8](repeating: 0, count: 32),
            claims: ["policy.rego": ExactText(String(repeating: "x", count: 62_000))])
        let guest = try PlainGuest("app")
        func attest(_ initData: Answer.InitData) async -> Refusal? {
            await refusal {
                let challenge = try await broker.challenge(.guest(.snp))
                let answer = try guest.answer(challenge, initData: initData)
                let attested = try await broker.attestGuest(answer, session: [challenge.session]) { _ in
                    String(repeating: "t", count: 3_000)
                }
                let found = try await broker.guest(session: [challenge.session])
                #expect(found.claims.initData == attested.claims.initData)
            }
        }
        for _ in 0..<2_000 { #expect(await attest(initData) == nil) }
        // Read anew, as another replica does.
        let other = try bench.broker()
        let challenge = try await broker.challenge(.guest(.snp))
        let answer = try guest.answer(challenge, initData: initData)
        _ = try await broker.attestGuest(answer, session: [challenge.session]) { _ in "token" }
        #expect(try await other.guest(session: [challenge.session]).claims.initData == initData.claims)
        // Whoever has other init data each time fills its share, and no more.
        var count = 0
        while count < 1_200 {
            let own = Answer.InitData(
                digest: [UInt8](repeating: 0, count: 32),
                claims: ["policy.rego": ExactText(String(repeating: "x", count: 62_000) + "\(count)")])
            if let refused = await attest(own) {
                #expect(refused.code == .rateLimited)
                break
            }
            count += 1
        }
        #expect((500..<1_100).contains(count), "\(count)")
    }

    @Test("On a disk that is nearly full no guest opens a session, and those that have one get what they may have")
    func fullDisk() async throws {
        let bench = try Bench()
        let isFull = Lock(false)
        let broker = Broker(
            store: bench.store, endorsements: bench.source, keys: KeyRing(master: bench.master),
            anchors: try Simulated.anchors, hasRoom: { isFull.withLock { !$0 } }, now: { bench.clock.withLock { $0 } })
        var policy = Policy(name: try PolicyName("any"))
        policy.acceptsAnyMeasurement = true
        _ = try await PolicyLibrary(bench.store).set(policy, document: "", by: .server)
        let path = try ResourcePath("a/b/c")
        try await broker.putResource(path, Secret([1]), policy: .named(policy.name), by: .server)
        let guest = try await PlainGuest("app").attest(broker)
        isFull.withLock { $0 = true }
        let refused = await refusal { try await PlainGuest("app").attest(broker) }
        #expect(refused?.code == .unavailable && refused?.retryAfter == 60)
        let released = try await broker.releaseResource(path, to: .attested(guest), stating: { [] }) { secret, _ in
            secret.withBytes { Array($0) }
        }
        #expect(released == [1])
    }
}
