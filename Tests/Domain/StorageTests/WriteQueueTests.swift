import Broker
import Concurrency
import SQLite
import Testing

@testable import Storage

@Suite("The queue of writes")
struct WriteQueueTests {
    @Test("Who observes commits is told of each, and a hundred thousand of them leave no trace on the stack")
    func observer() async throws {
        let queue = WriteQueue(try DatabaseQueue())
        let told = Lock(0)
        queue.observe { batch in told.withLock { $0 += batch.writes } }
        for _ in 0..<100_000 { try await queue.perform { _ in } }
        try await queue.perform { _ in }
        // The last one is told before its write is acknowledged.
        #expect(told.withLock { $0 } == 100_001)
    }
}
