import Broker
import BrokerSupport
import Evidence
import EvidenceSupport
import Foundation
import SQLite
import TestSupport
import Testing

@testable import Storage

@Suite("What goes through many rows")
struct OperatorReaderTests {
    let folder: TemporaryFolder
    let store: SQLiteStore

    init() throws {
        folder = try TemporaryFolder()
        store = try SQLiteStore(file: folder.file("kbs.sqlite"), manifest: .tested)
    }

    @Test("Guests' lookups and writes do not wait for it", .timeLimit(.minutes(10)))
    func apart() async throws {
        let id = try WorkloadID("app")
        let (gate, open) = (DispatchSemaphore(value: 0), AsyncStream.makeStream(of: Void.self))
        let (store, began) = (store, open.continuation)
        // A scan that takes as long as the test likes, and a listing behind it.
        let scan = Task {
            try await store.scan { _ in
                began.finish()
                gate.wait()
            }
        }
        for await _ in open.stream {}
        let listing = Task { try await store.workloads(after: "", search: "app", limit: 10) }
        for _ in 0..<100 { #expect(try await store.workload(id) == nil) }
        try await store.register(
            Simulated.registration("app"), sealed: Sealed(bytes: [1], masterKey: "k"), replacing: false, at: Date())
        gate.signal()
        try await scan.value
        #expect(try await listing.value.map(\.id) == [id])
    }

    @Test(
        "Endorsements by fingerprint, refusals and what is counted again have an index",
        arguments: [
            ("SELECT 1 FROM endorsements WHERE fingerprint > x'00'", "endorsements_by_fingerprint"),
            ("DELETE FROM endorsements WHERE fingerprint = x'00'", "endorsements_by_fingerprint"),
            ("SELECT id FROM attempts WHERE outcome = 'refused' AND id < 9 ORDER BY id DESC", "attempts_refused"),
            ("UPDATE attempts SET count = count + 1 WHERE mark = 'a'", "attempts_by_mark"),
        ])
    func indexes(sql: String, index: String) async throws {
        let plan = try await store.scan { database in
            try Row.fetchAll(database, sql: "EXPLAIN QUERY PLAN \(sql)").map { try $0[3] as String }
        }
        #expect(plan.count == 1 && plan[0].hasPrefix("SEARCH") && plan[0].contains(index), "\(plan)")
    }
}
