import BrokerSupport
import Bytes
import Concurrency
import Crypto
import Evidence
import EvidenceSupport
import Foundation
import Storage
import TestSupport
import Testing

@testable import Broker

/// Master keys that can be changed, as in a file, and a count of how often they were read.
private final class ChangingSource: Sendable {
    let keys: Lock<[SymmetricKey]>
    let reads = Lock(0)

    init(_ keys: [SymmetricKey]) { self.keys = Lock(keys) }

    let clock = Lock(ContinuousClock.now)

    func ring() throws -> KeyRing {
        try KeyRing(now: { self.clock.withLock { $0 } }) { _ in
            self.reads.withLock { $0 += 1 }
            return self.keys.withLock { $0 }
        }
    }
}

@Suite("The key ring")
struct KeyRingTests {
    private let old = SymmetricKey(size: .bits256)
    private let new = SymmetricKey(size: .bits256)

    private func challenge() -> Challenge {
        Challenge(
            id: Challenge.randomID(), expires: Date(timeIntervalSince1970: 4_000_000_000), subject: .workload(1, .snp))
    }

    @Test("An id has 16 hex digits, goes with its key, and is not part of it")
    func ids() {
        let keys = ServerKeys(master: old)
        #expect(keys.id.utf8.count == 16 && Hex.decode(keys.id)?.count == 8)
        #expect(keys.id == ServerKeys(master: old).id && keys.id != ServerKeys(master: new).id)
        #expect(!old.withUnsafeBytes { Hex.encode(Array($0)) }.contains(keys.id))
    }

    @Test("A challenge that a previous key sealed opens, with that key; one of a key that is gone does not")
    func challenges() {
        let challenge = challenge()
        let sealed = challenge.sealed(with: ServerKeys(master: old))
        let opened = OpenedChallenge(sealed: sealed, with: KeyRing(master: new, previous: [old]).held)
        #expect(opened?.challenge == challenge && opened?.keys.id == ServerKeys(master: old).id)
        #expect(OpenedChallenge(sealed: sealed, with: KeyRing(master: new).held) == nil)
    }

    @Test("The active key comes first and each key is there once")
    func duplicates() {
        let held = KeyRing(master: new, previous: [old, new, old]).held
        #expect(held.all.map(\.id) == [ServerKeys(master: new).id, ServerKeys(master: old).id])
    }

    @Test("A ring without the key in use is not taken over, nor an empty one")
    func activeKeyMissing() throws {
        let source = ChangingSource([old])
        let ring = try source.ring()
        source.keys.withLock { $0 = [new] }
        #expect(throws: KeyRingError.activeKeyMissing(ServerKeys(master: old).id)) { try ring.reload() }
        source.keys.withLock { $0 = [] }
        #expect(throws: KeyRingError.empty) { try ring.reload() }
        #expect(ring.held.active.id == ServerKeys(master: old).id)
        source.keys.withLock { $0 = [new, old] }
        #expect(try ring.reload())
        #expect(ring.held.active.id == ServerKeys(master: new).id)
        #expect(throws: KeyRingError.empty) { try KeyRing { _ in [] } }
    }

    @Test("An id that is not held makes the ring look again, once for a while, and for few ids")
    func looksAgain() async throws {
        let source = ChangingSource([old])
        let ring = try source.ring()
        source.keys.withLock { $0 = [new, old] }
        #expect(await ring.keys(for: ServerKeys(master: new).id) != nil)
        #expect(source.reads.withLock { $0 } == 2)
        for _ in 0..<10 { #expect(await ring.keys(for: "nonsense") == nil) }
        #expect(source.reads.withLock { $0 } == 3)
        source.clock.withLock { $0 = $0.advanced(by: .seconds(6)) }
        #expect(await ring.keys(for: "nonsense") == nil)
        #expect(source.reads.withLock { $0 } == 4)
        for number in 0..<100 { #expect(await ring.keys(for: "\(number)") == nil) }
        #expect(source.reads.withLock { $0 } < 20)
    }

    @Test("A server's own key opens under its name and id only, and under its master key only")
    func serverKeys() async throws {
        let ring = KeyRing(master: old)
        let sealed = try ring.seal(Secret(Array("signing key".utf8)), for: .serverKey(name: "audit", id: "1"))
        #expect(sealed.masterKey == ring.held.active.id)
        let rotated = KeyRing(master: new, previous: [old])
        #expect(
            try await rotated.open(sealed, for: .serverKey(name: "audit", id: "1")).withBytes { Array($0) }
                == Array("signing key".utf8))
        for (name, id) in [("audit", "2"), ("audit1", ""), ("audi", "t1"), ("other", "1")] {
            await #expect(throws: (any Error).self) { try await ring.open(sealed, for: .serverKey(name: name, id: id)) }
        }
        await #expect(throws: KeyRingError.notHeld(sealed.masterKey)) {
            try await KeyRing(master: new).open(sealed, for: .serverKey(name: "audit", id: "1"))
        }
        let bytes = sealed.bytes
        for index in bytes.indices {
            var changed = bytes
            changed[index] ^= 1
            await #expect(throws: (any Error).self) {
                try await ring.open(
                    Sealed(bytes: changed, masterKey: sealed.masterKey), for: .serverKey(name: "audit", id: "1"))
            }
        }
    }
}

@Suite("Sealing under another master key", .serialized)
struct ResealingTests {
    let folder: TemporaryFolder
    let store: SQLiteStore
    let old = SymmetricKey(size: .bits256)
    let new = SymmetricKey(size: .bits256)
    var rotated: KeyRing { KeyRing(master: new, previous: [old]) }

    init() async throws {
        folder = try TemporaryFolder()
        store = try SQLiteStore(file: folder.file("kbs.sqlite"), manifest: Manifest(KeyRing(master: old)))
        let ring = KeyRing(master: old)
        let broker = Broker(store: store, endorsements: NoEndorsements(), keys: ring)
        try await withThrowingTaskGroup { group in
            for number in 0..<20 {
                group.addTask { try await broker.register(Simulated.registration("w\(number)", secret: "s\(number)")) }
            }
            try await group.waitForAll()
        }
        try await store.insert(
            StoredServerKey(
                name: "audit", id: "1",
                sealed: ring.seal(Secret([1, 2, 3] as [UInt8]), for: .serverKey(name: "audit", id: "1")),
                created: Date()))
    }

    private func activate(_ ring: KeyRing) async throws {
        try await store.activate(ring.held.active.id, previous: ring.held.previous.map(\.id), at: Date())
    }

    private func count(under key: SymmetricKey) async throws -> Int {
        try await store.masterKeyUsage(at: Date()).filter { $0.id == ServerKeys(master: key).id }
            .reduce(0) { $0 + $1.secrets + $1.serverKeys }
    }

    @Test("Everything moves to the active key, and the old one is not needed any more")
    func everything() async throws {
        try await activate(rotated)
        let progress = try await Resealing(keys: rotated, store: store, batchSize: 6).run()
        #expect(progress.resealed == 22 && progress.unopened.isEmpty)
        #expect(try await [count(under: new), count(under: old)] == [22, 0])
        #expect(try await Resealing.unopened(with: KeyRing(master: new), in: store).isEmpty)
        #expect(try await Resealing.unopened(with: KeyRing(master: old), in: store).count == 21)
        #expect(try await Resealing(keys: rotated, store: store, batchSize: 6).run().resealed == 0)
    }

    @Test("One that ends in the middle is gone on with, and everything opens at every moment")
    func interrupted() async throws {
        try await activate(rotated)
        let (rotated, store) = (rotated, store)
        let task = Task {
            // It asks after each batch whether it is to go on.
            try await Resealing(keys: rotated, store: store, batchSize: 6).run { _ in
                withUnsafeCurrentTask { $0?.cancel() }
            }
        }
        await #expect(throws: CancellationError.self) { try await task.value }
        #expect(try await [count(under: new), count(under: old)].allSatisfy { $0 > 0 })
        #expect(try await Resealing.unopened(with: rotated, in: store).isEmpty)
        let rest = try await Resealing(keys: rotated, store: store, batchSize: 6).run()
        #expect(rest.resealed > 0)
        #expect(try await count(under: new) == 22)
    }

    @Test("A row that changed since it was read is left alone")
    func changedMeanwhile() async throws {
        try await activate(rotated)
        let stored = try #require(try await store.secrets(notUnder: "", after: 0, limit: 1).first)
        let change = Resealed(place: .secret(stored.workload.row), old: [1, 2, 3], new: [4, 5, 6])
        #expect(try await store.reseal([change], under: rotated.held.active.id) == 0)
        #expect(try await store.secrets(notUnder: "", after: 0, limit: 1).first == stored)
    }

    @Test("A process that does not know of a rotation does not undo it")
    func staleProcess() async throws {
        try await activate(rotated)
        _ = try await Resealing(keys: rotated, store: store, batchSize: 6).run()
        let stale = KeyRing(master: old, previous: [new])
        await #expect(throws: Resealing.Superseded.self) {
            try await Resealing(keys: stale, store: store, batchSize: 6).run()
        }
        #expect(try await count(under: new) == 22)
    }

    @Test("What does not open is named, and does not hold up the rest")
    func damaged() async throws {
        try store.tamper("UPDATE secrets SET sealed = x'00' WHERE workload = 7")
        let name = try #require(try await store.workload(row: 7)).id
        try await activate(rotated)
        let progress = try await Resealing(keys: rotated, store: store, batchSize: 6).run()
        #expect(progress.resealed == 21 && progress.unopened == ["secret of \(name)"])
    }

    @Test("A manifest that cannot be sealed anew is named, and holds up nothing else")
    func manifestFails() async throws {
        try store.tamper(
            "CREATE TRIGGER fail BEFORE INSERT ON manifest_seal BEGIN SELECT RAISE(ABORT, 'no seal'); END")
        try await activate(rotated)
        let progress = try await Resealing(keys: rotated, store: store, batchSize: 6).run()
        #expect(progress.resealed == 21 && progress.unopened.count == 1)
        #expect(progress.unopened.first?.hasPrefix("manifest: ") == true && "\(progress)".contains("no seal"))
    }

    @Test("Nothing is written under a key that was retired, and a key in use is not retired")
    func retirement() async throws {
        let id = ServerKeys(master: old).id
        try await activate(rotated)
        #expect(try await !store.retire(id, at: Date()), "secrets are under it")
        _ = try await Resealing(keys: rotated, store: store, batchSize: 6).run()
        #expect(try await !store.retire(rotated.held.active.id, at: Date()), "it is the active one")
        let session = StoredSession(
            id: Array(repeating: 1, count: 16), workload: 1, chip: "",
            opened: Date(), expires: Date().addingTimeInterval(100), code: [], masterKey: id)
        #expect(try await store.insert(session))
        #expect(try await !store.retire(id, at: Date()), "a session is under it")
        #expect(try await store.retire(id, at: Date().addingTimeInterval(200)))
        // A process that still has it as its active key.
        let stale = Broker(store: store, endorsements: NoEndorsements(), keys: KeyRing(master: old))
        await #expect(throws: (any Error).self) { try await stale.register(Simulated.registration("late")) }
        #expect(try await store.workloads(after: "k", search: "late", limit: 1).isEmpty)
        #expect(try await !store.insert(StoredSession(copying: session, id: 2)))
    }

    @Test("A broker whose key was retired beside it looks for the new one")
    func noticesRetirement() async throws {
        let source = ChangingSource([old])
        let ring = try source.ring()
        let store = try SQLiteStore(file: folder.file("kbs.sqlite"), manifest: Manifest(ring))
        let broker = Broker(store: store, endorsements: NoEndorsements(), keys: ring)
        try await activate(rotated)
        _ = try await Resealing(keys: rotated, store: store, batchSize: 6).run()
        #expect(try await store.retire(ServerKeys(master: old).id, at: Date()))
        source.keys.withLock { $0 = [new, old] }
        try await broker.register(Simulated.registration("late"))
        #expect(try await Resealing.unopened(with: KeyRing(master: new), in: store).isEmpty)
    }
}

extension StoredSession {
    fileprivate init(copying other: StoredSession, id: UInt8) {
        self.init(
            id: Array(repeating: id, count: 16), workload: other.workload, chip: other.chip,
            opened: other.opened, expires: other.expires, code: other.code, masterKey: other.masterKey)
    }
}
