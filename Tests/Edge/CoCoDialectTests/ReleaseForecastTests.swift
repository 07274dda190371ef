import BrokerSupport
import EvidenceSupport
@testable import Broker
@testable import CoCoDialect
import Concurrency
import Foundation
import HTTPEdge
import Storage
import TestSupport
import Testing

@Suite("What guests could be given")
struct ProspectsTests {
    private struct Away: Error {}

    @Test("What could not be read is read again, and is not taken for nothing meanwhile")
    func failure() async throws {
        let reads = Lock(0)
        let known = Remembered(now: { Date(timeIntervalSince1970: 1_800_000_000) }) {
            let count = reads.withLock {
                $0 += 1
                return $0
            }
            guard count > 1 else { throw Away() }
            return [[1]] as Set<[UInt8]>
        }
        await #expect(throws: Away.self) { try await known.value().contains([1]) }
        let found = try await known.value().contains([1])
        #expect(found)
    }

    @Test("A set that someone has changed in the database is left out and reported, and the others count")
    func tampered() async throws {
        let folder = try TemporaryFolder()
        let store = try SQLiteStore(file: folder.file("kbs.sqlite"), manifest: .tested)
        for (name, byte) in [("kernels", 1), ("others", 2)] as [(String, UInt8)] {
            let set = try ReferenceValueSet(
                name: PolicyName(name), kind: .measurement, values: [Array(repeating: byte, count: 48)], source: "",
                expires: nil)
            try await PolicyLibrary(store).set(set, by: .anonymous("test"))
        }
        try store.tamper("UPDATE reference_values SET digests = zeroblob(48) WHERE name = 'kernels'")
        let reports = Lock<[String]>([])
        let known = ReleaseForecast(store, now: { Date() }) { report in reports.withLock { $0.append(report) } }
        for (byte, isKnown) in [(0, false), (1, false), (2, true)] as [(UInt8, Bool)] {
            #expect(try await known.knows(Array(repeating: byte, count: 48)) == isKnown)
        }
        #expect(reports.withLock { $0.count == 1 && $0.first?.contains("kernels") == true })
    }

    @Test("A row that cannot be used is the server's fault, and is not told as the guest's")
    func unusable() throws {
        let thrown = #expect(throws: UnusableRow.self) {
            try UnusableRow.naming("kernels") { throw Refusal(.invalidField, "It has a key of a later version.") }
        }
        let error = try #require(thrown)
        let refusal = try #require(CoCoFailureForm().told(error).refusal)
        #expect(refusal.code == .unavailable && !refusal.sentence.contains("kernels"))
    }

    @Test("What has expired is not known any more, also where it was read before")
    func expiry() async throws {
        let folder = try TemporaryFolder()
        let store = try SQLiteStore(file: folder.file("kbs.sqlite"), manifest: .tested)
        let clock = Lock(Date(timeIntervalSince1970: 1_800_000_000))
        let measurement = [UInt8](repeating: 1, count: 48)
        let set = try ReferenceValueSet(
            name: try PolicyName("kernels"), kind: .measurement, values: [measurement], source: "",
            expires: clock.withLock { $0 } + 5)
        try await PolicyLibrary(store).set(set, by: .server)
        let known = ReleaseForecast(store, now: { clock.withLock { $0 } })
        #expect(try await known.knows(measurement))
        clock.withLock { $0 += 4 }
        #expect(try await known.knows(measurement))
        clock.withLock { $0 += 1 }
        #expect(try await !known.knows(measurement))
    }

    @Test("Guests that come at once wait for one reading, and none is told of values that were not read yet")
    func once() async throws {
        let (gate, open) = AsyncStream.makeStream(of: Void.self)
        let reads = Lock(0)
        let known = Remembered(now: { Date(timeIntervalSince1970: 1_800_000_000) }) {
            reads.withLock { $0 += 1 }
            for await _ in gate {}
            return [[1]] as Set<[UInt8]>
        }
        try await withThrowingTaskGroup(of: Bool.self) { group in
            for _ in 0..<8 { group.addTask { try await known.value().contains([1]) } }
            open.finish()
            for try await found in group { #expect(found) }
        }
        #expect(reads.withLock { $0 } == 1)
    }
}
