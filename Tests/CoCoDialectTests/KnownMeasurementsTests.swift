@testable import CoCoDialect
import Foundation
import Synchronization
import Testing

@Suite("Which measurements are known")
struct KnownMeasurementsTests {
    private struct Away: Error {}

    @Test("What could not be read is read again, and is not taken for nothing meanwhile")
    func failure() async throws {
        let reads = Mutex(0)
        let known = KnownMeasurements(now: { Date(timeIntervalSince1970: 1_800_000_000) }) { _ in
            let count = reads.withLock {
                $0 += 1
                return $0
            }
            guard count > 1 else { throw Away() }
            return [[1]]
        }
        await #expect(throws: Away.self) { try await known.contains([1]) }
        let found = try await known.contains([1])
        #expect(found)
    }

    @Test("Guests that come at once wait for one reading, and none is told of values that were not read yet")
    func once() async throws {
        let (gate, open) = AsyncStream.makeStream(of: Void.self)
        let reads = Mutex(0)
        let known = KnownMeasurements(now: { Date(timeIntervalSince1970: 1_800_000_000) }) { _ in
            reads.withLock { $0 += 1 }
            for await _ in gate {}
            return [[1]]
        }
        try await withThrowingTaskGroup(of: Bool.self) { group in
            for _ in 0..<8 { group.addTask { try await known.contains([1]) } }
            open.finish()
            for try await found in group { #expect(found) }
        }
        #expect(reads.withLock { $0 } == 1)
    }
}
