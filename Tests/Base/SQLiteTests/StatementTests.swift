import SQLite
import Testing

@Suite("Statements")
struct StatementTests {
    let database: Database

    init() throws {
        database = try Database(path: nil)
        try database.execute(sql: "CREATE TABLE t (a, b)")
    }

    private var rows: [[DatabaseValue]] {
        get throws {
            try Row.fetchAll(database, sql: "SELECT a, b FROM t ORDER BY rowid").map { [try $0[0], try $0[1]] }
        }
    }

    @Test("Arguments by position are dealt out to several statements in order")
    func dealtOut() throws {
        try database.execute(
            sql: """
                -- a comment; with a semicolon
                INSERT INTO t VALUES (?, ?); ; INSERT INTO t VALUES (?, 'x');
                INSERT INTO t VALUES (5, 6) -- at the end
                """, arguments: [1, 2, 3])
        #expect(try rows == [[.integer(1), .integer(2)], [.integer(3), .text("x")], [.integer(5), .integer(6)]])
    }

    @Test("A parameter without a value, or a value without a parameter, is an error")
    func number() throws {
        for arguments in [[], [1], [1, 2, 3]] as [StatementArguments] {
            #expect(throws: DatabaseError.self) {
                try database.execute(sql: "INSERT INTO t VALUES (?, ?)", arguments: arguments)
            }
        }
    }

    @Test("A cached statement is compiled once, and keeps no argument and no lock after it has run or failed")
    func cached() throws {
        try database.execute(sql: "CREATE UNIQUE INDEX one ON t (a)")
        let statement = try database.cachedStatement(sql: "INSERT INTO t VALUES (?, ?)")
        try statement.execute(arguments: [1, 2])
        #expect(throws: DatabaseError.self) { try statement.execute(arguments: [1, 3]) }
        #expect(throws: DatabaseError.self) { try statement.execute() }
        try statement.execute(arguments: [2, nil as Int?])
        #expect(try database.cachedStatement(sql: "INSERT INTO t VALUES (?, ?)") === statement)
        #expect(try rows == [[.integer(1), .integer(2)], [.integer(2), .null]])
        let first = try database.cachedStatement(sql: "SELECT a FROM t ORDER BY a")
        #expect(try Int.fetchOne(first) == 1)
        // A statement that stands at a row would keep this from being done.
        try database.execute(sql: "DROP TABLE t")
    }

    @Test("A statement that is run while it is running is an error, and goes on afterwards")
    func running() throws {
        try database.execute(sql: "INSERT INTO t VALUES (1, 2), (3, 4)")
        let statement = try database.cachedStatement(sql: "SELECT a FROM t ORDER BY a")
        var seen: [Int] = []
        try statement.forEachRow { row in
            seen.append(try row[0])
            let second = refusal { _ = try Row.fetchAll(statement) }
            #expect(second?.message == "the statement is still running")
        }
        #expect(seen == [1, 3])
        struct Stopped: Error {}
        #expect(throws: Stopped.self) { try statement.forEachRow { _ in throw Stopped() } }
        #expect(try Int.fetchAll(statement) == [1, 3])
    }

    @Test("What writes is run to its end, though one row was asked for")
    func returning() throws {
        let first = try Int.fetchOne(database, sql: "INSERT INTO t VALUES (1, 2), (3, 4) RETURNING a")
        #expect(first == 1)
        #expect(try rows.count == 2)
    }

    @Test(
        "A text that is not one statement is not compiled as one",
        arguments: ["", " ", "-- nothing", ";", "SELECT 1; SELECT 2", "SELECT 1; SELEC", "SELECT 1\0; DROP TABLE t"])
    func notOne(_ sql: String) {
        #expect(throws: DatabaseError.self) { try database.cachedStatement(sql: sql) }
    }

    @Test("What follows one statement may be comments")
    func comments() throws {
        #expect(try Int.fetchOne(database, sql: "SELECT 1; -- one\n ; /* two */ ") == 1)
    }

    @Test("Nothing behind a NUL character is left out: it is an error")
    func nul() throws {
        #expect(throws: DatabaseError.self) { try database.execute(sql: "DELETE FROM t\0 WHERE a = 1") }
    }

    @Test("A word in double quotes is a name, so that one that is misspelt is no text")
    func quotes() throws {
        try database.execute(sql: "INSERT INTO t VALUES (1, 2)")
        #expect(try Int.fetchOne(database, sql: "SELECT \"a\" FROM t") == 1)
        #expect(throws: DatabaseError.self) { try Row.fetchAll(database, sql: "SELECT \"c\" FROM t") }
        #expect(throws: DatabaseError.self) {
            try database.execute(sql: "CREATE TABLE u (a TEXT CHECK (a <> \"x\"))")
        }
    }

    @Test("Counts are of the last statement that wrote, and of all")
    func counts() throws {
        let before = database.totalChangesCount
        try database.execute(sql: "INSERT INTO t VALUES (1, 2), (3, 4)")
        #expect(database.changesCount == 2)
        #expect(database.lastInsertedRowID == 2)
        try database.execute(sql: "DELETE FROM t WHERE a = 7")
        #expect(database.changesCount == 0)
        #expect(database.totalChangesCount == before + 2)
    }

    @Test("Tables are found by name")
    func schema() throws {
        #expect(try database.tableExists("t"))
        #expect(try !database.tableExists("u"))
    }
}
