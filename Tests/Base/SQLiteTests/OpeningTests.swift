import Foundation
import SQLite
import Testing

@Suite("Opening a database")
struct OpeningTests {
    private let file: TestDatabase

    init() throws { file = try TestDatabase() }

    @Test("References between rows are enforced")
    func foreignKeys() throws {
        let database = try file.open()
        try database.execute(
            sql: """
                CREATE TABLE parent (id INTEGER PRIMARY KEY);
                CREATE TABLE child (parent INTEGER NOT NULL REFERENCES parent (id) ON DELETE CASCADE);
                INSERT INTO parent VALUES (1); INSERT INTO child VALUES (1);
                """)
        let failure = #expect(throws: DatabaseError.self) { try database.execute(sql: "INSERT INTO child VALUES (2)") }
        #expect(failure?.resultCode == .constraint)
        // The extended code says which constraint: SQLITE_CONSTRAINT_FOREIGNKEY.
        #expect(failure?.extendedResultCode == ResultCode(rawValue: 787))
        try database.execute(sql: "DELETE FROM parent")
        #expect(try Int.fetchOne(database, sql: "SELECT count(*) FROM child") == 0)
    }

    @Test("In write-ahead mode too a commit is on the disk before it is acknowledged")
    func writeAheadLog() throws {
        let database = try file.open { $0.usesWriteAheadLog = true }
        #expect(try String.fetchOne(database, sql: "PRAGMA journal_mode") == "wal")
        #expect(try Int.fetchOne(database, sql: "PRAGMA synchronous") == 2, "FULL")
        #expect(try Int.fetchOne(try file.open(), sql: "PRAGMA synchronous") == 2, "FULL")
    }

    @Test("A database that cannot have a write-ahead log is not opened as if it had one")
    func noLog() {
        var configuration = Configuration()
        configuration.usesWriteAheadLog = true
        #expect(throws: DatabaseError.self) { try Database(path: nil, configuration: configuration) }
    }

    @Test("What a user prepares is there before the first caller, on each connection")
    func prepared() throws {
        let database = try file.open { $0.prepareDatabase { try $0.execute(sql: "PRAGMA secure_delete = ON") } }
        #expect(try Int.fetchOne(database, sql: "PRAGMA secure_delete") == 1)
        struct Failed: Error {}
        #expect(throws: Failed.self) { try file.open { $0.prepareDatabase { _ in throw Failed() } } }
    }

    @Test("A connection that only reads makes no file and writes nothing")
    func readOnly() throws {
        let missing = #expect(throws: DatabaseError.self) { try file.open { $0.readonly = true } }
        #expect(missing?.resultCode == .cannotOpen)
        #expect(try file.files.isEmpty)
        try file.open().execute(sql: "CREATE TABLE t (a)")
        let failure = #expect(throws: DatabaseError.self) {
            try file.open { $0.readonly = true }.execute(sql: "INSERT INTO t VALUES (1)")
        }
        #expect(failure?.resultCode == .readOnly)
    }

    @Test("An immutable file is read without a file beside it, whatever its name")
    func immutable() throws {
        let folder = file.folder.appending(path: "a b?c#d%41&immutable=0é")
        try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
        let path = folder.appending(path: "file:x.sqlite").path(percentEncoded: false)
        var configuration = Configuration()
        configuration.usesWriteAheadLog = true
        let writer = try Database(path: path, configuration: configuration)
        try writer.execute(sql: "CREATE TABLE t (a); INSERT INTO t VALUES (7)")
        try writer.close()
        var immutable = Configuration()
        immutable.isImmutable = true
        let reader = try Database(path: path, configuration: immutable)
        #expect(try Int.fetchOne(reader, sql: "SELECT a FROM t") == 7)
        #expect(
            try FileManager.default.contentsOfDirectory(atPath: folder.path(percentEncoded: false))
                == ["file:x.sqlite"])
        #expect(throws: DatabaseError.self) { try reader.execute(sql: "INSERT INTO t VALUES (1)") }
    }

    @Test("No path is special: a name that SQLite would take for an address or for memory is a file's")
    func names() throws {
        var configuration = Configuration()
        configuration.readonly = true
        for path in [":memory:", "file::memory:?cache=shared", "file:nothing?mode=memory", "", "a\0b"] {
            let failure = #expect(throws: DatabaseError.self) {
                try Database(path: path, configuration: configuration)
            }
            #expect(failure?.resultCode == .cannotOpen)
        }
    }

    @Test("A file that is no database, or a damaged one, is found out when it is opened")
    func noDatabase() throws {
        try Data(repeating: UInt8(ascii: "x"), count: 5_000).write(to: URL(filePath: file.path))
        let failure = #expect(throws: DatabaseError.self) { try file.open() }
        #expect(failure?.resultCode == .notADatabase)
        #expect(failure?.message == "file is not a database")
    }

    @Test("A folder is no database")
    func folder() throws {
        let failure = #expect(throws: DatabaseError.self) {
            try Database(path: file.folder.path(percentEncoded: false))
        }
        #expect(failure?.resultCode == .cannotOpen)
    }

    @Test("A connection that was closed answers with errors, and its statements too")
    func closed() throws {
        let database = try file.open()
        let statement = try database.cachedStatement(sql: "SELECT 1")
        #expect(try Int.fetchOne(statement) == 1)
        try database.close()
        #expect(throws: DatabaseError.self) { try Int.fetchOne(statement) }
        #expect(throws: DatabaseError.self) { try database.cachedStatement(sql: "SELECT 1") }
        #expect(throws: DatabaseError.self) { try database.execute(sql: "SELECT 1") }
        #expect(throws: DatabaseError.self) { try database.inTransaction(.immediate) {} }
        #expect(database.changesCount == 0 && !database.isInsideTransaction)
        try database.close()
    }

    @Test("A connection is not closed under a statement that somebody holds, who can still run it")
    func held() throws {
        let database = try file.open()
        let statement = try database.makeStatement(sql: "SELECT 7")
        #expect(throws: DatabaseError.self) { try database.close() }
        #expect(try Int.fetchOne(statement) == 7)
        func statementOfAConnectionThatIsGone() throws -> Statement {
            try file.open().makeStatement(sql: "SELECT 8")
        }
        #expect(try Int.fetchOne(statementOfAConnectionThatIsGone()) == 8)
    }

    @Test("The library that runs says its version")
    func version() { #expect(Database.libraryVersion.hasPrefix("3.")) }
}
