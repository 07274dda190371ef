import Broker
import Foundation
import GRDB
import Synchronization
import TestSupport
import Testing

@testable import Storage

@Suite("A store's statistics")
struct StoreStatisticsTests {
    let folder: TemporaryFolder
    let store: SQLiteStore
    let now = Date(timeIntervalSince1970: 1_760_000_000)

    init() throws {
        folder = try TemporaryFolder()
        store = try SQLiteStore(file: folder.file("kbs.sqlite"))
    }

    private func register(_ id: String) async throws {
        _ = try await store.register(
            Simulated.registration(id), sealed: Sealed(bytes: [1], masterKey: ""), replacing: true, at: now)
    }

    @Test("Workloads are counted, and of the sessions those that have not expired")
    func counts() async throws {
        #expect(try await store.countWorkloads() == 0)
        for id in ["a", "b", "c"] { try await register(id) }
        _ = try await store.remove(WorkloadID("b"))
        #expect(try await store.countWorkloads() == 2)
        let row = try #require(try await store.workload(WorkloadID("a"))).row
        for (id, seconds) in [(1, 10), (2, 20), (3, 30)] as [(UInt8, Double)] {
            _ = try await store.insert(
                Session(
                    id: Array(repeating: id, count: 16), workload: row, binding: .sev(measurement: [1]), chip: "",
                    opened: now, expires: now.addingTimeInterval(seconds), code: [1], masterKey: ""))
        }
        #expect(try await store.countSessions(at: now) == 3)
        #expect(try await store.countSessions(at: now.addingTimeInterval(20)) == 1)
    }

    @Test("A probe writes to the disk, and leaves what is stored alone")
    func probe() async throws {
        try await register("a")
        let marks = try await [mark(), mark(), mark()]
        #expect(Set(marks).count == 3)
        #expect(try await store.countWorkloads() == 1)
    }

    private func mark() async throws -> Int {
        try await store.probe()
        return try store.read { try Int.fetchOne($0, sql: "PRAGMA user_version") ?? 0 }
    }

    @Test("Each transaction is told of, with its writes, and nothing waits when it is done")
    func commits() async throws {
        let told = Mutex<[CommittedBatch]>([])
        store.observeCommits { batch in told.withLock { $0.append(batch) } }
        try await withThrowingTaskGroup(of: Void.self) { group in
            for number in 0..<40 { group.addTask { try await register("app-\(number)") } }
            try await group.waitForAll()
        }
        let batches = told.withLock { $0 }
        #expect(batches.map(\.writes).reduce(0, +) == 40)
        #expect(batches.allSatisfy { !$0.hasFailed && $0.writes > 0 && $0.duration > .zero })
        #expect(store.waitingWrites == 0)
    }
}
