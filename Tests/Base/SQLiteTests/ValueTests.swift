import SQLite
import Testing

@Suite("Values in rows")
struct ValueTests {
    let database: Database

    init() throws {
        database = try Database(path: nil)
        try database.execute(
            sql: "CREATE TABLE v (i INTEGER, t TEXT, b BLOB) STRICT; CREATE TABLE any (a ANY) STRICT;")
    }

    private func row(_ sql: String) throws -> Row { try #require(try Row.fetchOne(database, sql: sql)) }

    @Test("A value comes back as it was bound")
    func roundTrip() throws {
        let text = "naïve\u{0} 🔑 e\u{301}"
        try database.execute(
            sql: "INSERT INTO v VALUES (?, ?, ?), (?, ?, ?)",
            arguments: [Int64.min, text, [0, 255] as [UInt8], Int.max, "", nil as [UInt8]?])
        let rows = try Row.fetchAll(database, sql: "SELECT i, t, b FROM v ORDER BY i")
        #expect(try rows[0][0] == Int64.min)
        #expect(Array(try (rows[0][1] as String).utf8) == Array(text.utf8))
        #expect(try rows[0][2] == [0, 255] as [UInt8])
        #expect(try rows[1][0] == Int.max)
        #expect(try rows[1][1] == "")
        #expect(try rows[1][2] as [UInt8]? == nil)
        #expect(rows[0].count == 3)
    }

    @Test("A blob and a text without bytes are not NULL")
    func noBytes() throws {
        try database.execute(sql: "INSERT INTO v VALUES (NULL, ?, ?)", arguments: ["", [] as [UInt8]])
        let found = try row("SELECT i, t, b, t IS NULL, b IS NULL FROM v")
        #expect(try found[0] as Int? == nil)
        #expect(try found[1] as String? == "")
        #expect(try found[2] as [UInt8]? == [])
        #expect(try found[3] as Bool == false)
        #expect(try found[4] as Bool == false)
    }

    @Test(
        "A value of another type is an error",
        arguments: ["1", "1.0", "'1'", "x'31'", "NULL"])
    func otherType(_ literal: String) throws {
        let found = try row("SELECT \(literal)")
        func isRefused<T: DatabaseValueConvertible>(_ type: T.Type) -> Bool {
            do {
                _ = try found[0] as T
                return false
            } catch let error as DatabaseError {
                return error.resultCode == .mismatch
            } catch { return false }
        }
        #expect(isRefused(Int.self) == (literal != "1"))
        #expect(isRefused(Int64.self) == (literal != "1"))
        #expect(isRefused(Bool.self) == (literal != "1"))
        #expect(isRefused(String.self) == (literal != "'1'"))
        #expect(isRefused([UInt8].self) == (literal != "x'31'"))
        #expect(isRefused(Int?.self) == (literal != "1" && literal != "NULL"))
        #expect(!isRefused(DatabaseValue.self))
    }

    @Test("What is no UTF-8 is no text, and is not repaired")
    func notUTF8() throws {
        #expect(throws: DatabaseError.self) { try row("SELECT CAST(x'ff' AS TEXT)") }
        #expect(throws: DatabaseError.self) { try row("SELECT CAST(x'c0af' AS TEXT)") }
    }

    @Test("A column that is not there is an error")
    func noColumn() throws {
        let found = try row("SELECT 1")
        for index in [-1, 1, Int.max] { #expect(throws: DatabaseError.self) { try found[index] as Int } }
    }

    @Test("An error names the statement and what was found, and none of its values")
    func errorText() throws {
        let error = #expect(throws: DatabaseError.self) { try row("SELECT 'marked', 1")[0] as Int }
        #expect(
            error?.description
                == "SQLite error 20: column 0 holds text and should be Int - while executing `SELECT 'marked', 1`")
        let failed = #expect(throws: DatabaseError.self) {
            try database.execute(sql: "INSERT INTO v (i) VALUES (?)", arguments: ["marked"])
        }
        #expect(failed?.resultCode == .constraint)
        #expect(failed.map { "\($0)".contains("marked") } == false)
    }

    @Test("A single value is the first column of the first row, or nil for no row and for NULL")
    func single() throws {
        #expect(try Int.fetchOne(database, sql: "SELECT 7, 8 UNION SELECT 9, 9") == 7)
        #expect(try Int.fetchOne(database, sql: "SELECT 7 WHERE 0") == nil)
        #expect(try Int.fetchOne(database, sql: "SELECT NULL") == nil)
        #expect(throws: DatabaseError.self) { try Int.fetchOne(database, sql: "SELECT 'x'") }
        #expect(try String.fetchAll(database, sql: "SELECT 'a' UNION SELECT 'b'") == ["a", "b"])
        #expect(throws: DatabaseError.self) { try String.fetchAll(database, sql: "SELECT 'a' UNION SELECT NULL") }
    }

    @Test("A row stays as it is when the statement goes on")
    func copies() throws {
        try database.execute(sql: "INSERT INTO any VALUES ('first'), (x'02'), (3)")
        let statement = try database.cachedStatement(sql: "SELECT a FROM any ORDER BY rowid")
        let rows = try Row.fetchAll(statement)
        try database.execute(sql: "DELETE FROM any")
        #expect(try rows.map { try $0[0] as DatabaseValue } == [.text("first"), .blob([2]), .integer(3)])
        #expect(try Row.fetchAll(statement).isEmpty)
    }
}
