import Broker
import Concurrency
import SQLite
import Testing

@testable import Storage

@Suite("The queue of writes")
struct WriteQueueTests {
    @Test("Who observes commits is told of each, and a hundred thousand of them leave no trace on the stack")
    func observer() async throws {
        let queue = try WriteQueue(DatabaseQueue())
        let told = Lock(0)
        queue.observe { batch in told.withLock { $0 += batch.writes } }
        for _ in 0..<100_000 { try await queue.perform { _ in } }
        try await queue.perform { _ in }
        // The last one is told before its write is acknowledged.
        #expect(told.withLock { $0 } == 100_001)
    }

    @Test("A write that throws leaves nothing behind, alone or beside others, and is no failed commit")
    func throwing() async throws {
        struct Refused: Error {}
        let queue = try WriteQueue(DatabaseQueue())
        let failures = Lock(0)
        queue.observe { batch in if batch.hasFailed { failures.withLock { $0 += 1 } } }
        try await queue.perform { try $0.execute(sql: "CREATE TABLE numbers (n INTEGER)") }
        await #expect(throws: Refused.self) {
            try await queue.perform { database in
                try database.execute(sql: "INSERT INTO numbers VALUES (0)")
                throw Refused()
            }
        }
        await withTaskGroup(of: Void.self) { group in
            for number in 1...100 {
                group.addTask {
                    _ = try? await queue.perform { database in
                        try database.execute(sql: "INSERT INTO numbers VALUES (?)", arguments: [number])
                        if number.isMultiple(of: 2) { throw Refused() }
                    }
                }
            }
        }
        let kept = try await queue.perform { try Int.fetchAll($0, sql: "SELECT n FROM numbers ORDER BY n") }
        #expect(kept == Array(stride(from: 1, through: 99, by: 2)))
        #expect(failures.withLock { $0 } == 0)
    }
}
