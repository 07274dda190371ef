import Concurrency
import SQLite
import Testing

@Suite("Transactions")
struct TransactionTests {
    private struct Failed: Error {}
    private let file: TestDatabase
    private let database: Database

    init() throws {
        file = try TestDatabase()
        database = try file.open { $0.usesWriteAheadLog = true }
        try database.execute(sql: "CREATE TABLE t (a INTEGER PRIMARY KEY)")
    }

    private func insert(_ number: Int) throws {
        try database.cachedStatement(sql: "INSERT INTO t VALUES (?)").execute(arguments: [number])
    }

    private var numbers: [Int] { get throws { try Int.fetchAll(database, sql: "SELECT a FROM t ORDER BY a") } }

    @Test("All of a transaction is written, or nothing when it throws")
    func allOrNothing() throws {
        let result = try database.inTransaction(.immediate) {
            try insert(1)
            #expect(database.isInsideTransaction)
            return 7
        }
        #expect(result == 7)
        #expect(!database.isInsideTransaction)
        #expect(throws: Failed.self) {
            try database.inTransaction(.immediate) {
                try insert(2)
                throw Failed()
            }
        }
        #expect(try numbers == [1])
        #expect(!database.isInsideTransaction)
    }

    @Test("A savepoint that fails takes nothing else with it")
    func savepoints() throws {
        var failures: [any Error] = []
        try database.inTransaction(.immediate) {
            try database.inSavepoint { try insert(1) }
            do {
                try database.inSavepoint {
                    try insert(2)
                    try database.inSavepoint { try insert(3) }
                    throw Failed()
                }
            } catch { failures.append(error) }
            do {
                try database.inSavepoint {
                    try insert(4)
                    try insert(1)
                }
            } catch { failures.append(error) }
            try database.inSavepoint { try insert(5) }
        }
        #expect(failures.count == 2 && failures[0] is Failed && failures[1] is DatabaseError)
        #expect(try numbers == [1, 5])
        try database.inSavepoint { try insert(6) }
        #expect(try numbers == [1, 5, 6])
    }

    /// As it does by itself when the disk is full.
    @Test(
        "When SQLite ends a transaction by itself, nothing more is written and the whole fails, though errors are caught"
    )
    func aborted() throws {
        try database.execute(
            sql: "CREATE TRIGGER no BEFORE INSERT ON t WHEN NEW.a = 13 BEGIN SELECT RAISE(ROLLBACK, 'no'); END")
        var refusals: [DatabaseError?] = []
        let failure = refusal {
            try database.inTransaction(.immediate) {
                try database.inSavepoint { try insert(1) }
                refusals.append(refusal { try database.inSavepoint { try insert(13) } })
                // Each of these would be written for good by itself.
                refusals.append(refusal { try insert(2) })
                refusals.append(refusal { try database.inSavepoint { try insert(3) } })
            }
        }
        #expect(refusals.map { $0?.resultCode } == [.constraint, .abort, .abort])
        #expect(failure?.resultCode == .abort)
        #expect(try numbers == [])
        try database.inTransaction(.immediate) { try insert(4) }
        #expect(try numbers == [4])
    }

    @Test("A transaction that cannot be committed is rolled back, and another can begin")
    func commitFails() throws {
        try database.execute(
            sql: "CREATE TABLE u (t INTEGER REFERENCES t (a) DEFERRABLE INITIALLY DEFERRED)")
        let failure = #expect(throws: DatabaseError.self) {
            try database.inTransaction(.immediate) { try database.execute(sql: "INSERT INTO u VALUES (99)") }
        }
        #expect(failure?.resultCode == .constraint)
        #expect(!database.isInsideTransaction)
        try database.inTransaction(.immediate) { try insert(1) }
    }

    @Test("Two transactions at once on a connection are an error")
    func nested() throws {
        try database.inTransaction(.immediate) {
            try insert(1)
            let second = refusal { try database.inTransaction(.immediate) {} }
            #expect(second?.resultCode == .error)
        }
        #expect(try numbers == [1])
    }

    @Test("Whoever writes waits for another writer, and gives up after the time that was set")
    func busy() throws {
        let other = try file.open { $0.busyTimeout = .milliseconds(20) }
        try database.inTransaction(.immediate) {
            let failure = refusal { try other.inTransaction(.immediate) {} }
            #expect(failure?.resultCode == .busy)
        }
        try other.inTransaction(.immediate) {}
        #expect(Configuration().busyTimeout == .seconds(10))
        #expect(try Int.fetchOne(database, sql: "PRAGMA busy_timeout") == 10_000)
    }

    @Test("A reading transaction sees one state while others write, and cannot write")
    func reading() throws {
        let queue = try DatabaseQueue(path: file.path)
        try insert(1)
        try queue.read { reader in
            #expect(try Int.fetchOne(reader, sql: "SELECT count(*) FROM t") == 1)
            try insert(2)
            #expect(try Int.fetchOne(reader, sql: "SELECT count(*) FROM t") == 1)
            let failure = refusal { try reader.execute(sql: "DELETE FROM t") }
            #expect(failure?.resultCode == .readOnly)
        }
        let failure = #expect(throws: DatabaseError.self) {
            try queue.readWithoutTransaction { try $0.execute(sql: "DELETE FROM t") }
        }
        #expect(failure?.resultCode == .readOnly)
        #expect(throws: Failed.self) { try queue.read { _ in throw Failed() } }
        try queue.write { try $0.execute(sql: "DELETE FROM t WHERE a = 2") }
        #expect(try numbers == [1])
    }

    @Test("A transaction that was left open is rolled back before the next caller has the connection")
    func leftOpen() throws {
        let queue = try DatabaseQueue(path: file.path)
        #expect(throws: DatabaseError.self) {
            try queue.writeWithoutTransaction { try $0.execute(sql: "BEGIN; INSERT INTO t VALUES (1)") }
        }
        #expect(throws: Failed.self) {
            try queue.writeWithoutTransaction {
                try $0.execute(sql: "BEGIN; INSERT INTO t VALUES (1)")
                throw Failed()
            }
        }
        try queue.write { try $0.execute(sql: "INSERT INTO t VALUES (2)") }
        #expect(try numbers == [2])
    }

    @Test("One caller at a time has a queue's connection")
    func queue() async throws {
        let queue = try DatabaseQueue(path: file.path)
        try await withThrowingTaskGroup { group in
            for _ in 0..<50 {
                group.addTask {
                    try queue.write { database in
                        let next = (try Int.fetchOne(database, sql: "SELECT max(a) FROM t") ?? 0) + 1
                        try database.execute(sql: "INSERT INTO t VALUES (?)", arguments: [next])
                    }
                }
            }
            try await group.waitForAll()
        }
        #expect(try numbers == Array(1...50))
    }
}
