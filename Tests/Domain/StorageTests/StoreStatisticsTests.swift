import Broker
import BrokerSupport
import Concurrency
import Foundation
import Testing

@testable import Storage

@Suite("A store's statistics")
struct StoreStatisticsTests {
    @Test("Workloads are counted, and of the sessions those that have not expired", arguments: TestedStore.allCases)
    func counts(_ kind: TestedStore) async throws {
        let place = try await StorePlace(kind)
        let (store, now) = (place.store, place.now)
        #expect(try await store.countWorkloads() == 0)
        for id in ["a", "b", "c"] { _ = try await place.register(id) }
        _ = try await store.remove(WorkloadID("b"))
        #expect(try await store.countWorkloads() == 2)
        let row = try #require(try await store.workload(WorkloadID("a"))).row
        for (id, seconds) in [(1, 10), (2, 20), (3, 30)] as [(UInt8, Double)] {
            _ = try await store.insert(
                StoredSession(
                    id: Array(repeating: id, count: 16), workload: row, chip: "",
                    opened: now, expires: now.addingTimeInterval(seconds), code: [1], masterKey: ""))
        }
        #expect(try await store.countSessions(at: now) == 3)
        #expect(try await store.countSessions(at: now.addingTimeInterval(20)) == 1)
    }

    @Test("A probe writes to the disk, and leaves what is stored alone", arguments: TestedStore.allCases)
    func probe(_ kind: TestedStore) async throws {
        let place = try await StorePlace(kind)
        let store = place.store
        _ = try await place.register("a")
        var marks: [String] = []
        for _ in 0..<3 {
            try await store.probe()
            marks.append(try await place.probeMark())
        }
        #expect(Set(marks).count == 3)
        #expect(try await store.countWorkloads() == 1)
    }

    @Test(
        "Each transaction is told of, with its writes, and nothing waits when it is done",
        arguments: TestedStore.allCases)
    func commits(_ kind: TestedStore) async throws {
        let place = try await StorePlace(kind)
        let store = place.store
        let told = Lock<[CommittedBatch]>([])
        store.observeCommits { batch in told.withLock { $0.append(batch) } }
        try await withThrowingTaskGroup(of: Void.self) { group in
            for number in 0..<40 { group.addTask { _ = try await place.register("app-\(number)") } }
            try await group.waitForAll()
        }
        let batches = told.withLock { $0 }
        #expect(batches.map(\.writes).reduce(0, +) == 40)
        #expect(batches.allSatisfy { !$0.hasFailed && $0.writes > 0 && $0.duration > .zero })
        #expect(store.waitingWrites == 0)
    }
}
