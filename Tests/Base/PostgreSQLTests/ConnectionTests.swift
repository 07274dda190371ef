import BrokerSupport
import PostgreSQL
import Testing

@Suite("A connection to a PostgreSQL server")
struct ConnectionTests {
    private static let soon: Duration = .seconds(300)

    private func connection(statement: Duration = soon) async throws -> Connection {
        let cluster = try await PostgreSQLCluster.shared
        return try Connection(
            PostgreSQLConfiguration(uri: cluster.uri(try await cluster.newDatabase()), timeout: Self.soon),
            Connection.Limits(statement: statement, scansTables: false), application: "test")
    }

    private func query(_ sql: String, _ parameters: Parameter...) -> Query { Query(sql, parameters: parameters) }

    @Test("Values come back as they were sent, and NULL as nothing")
    func values() async throws {
        let connection = try await connection()
        let sent = query(
            "SELECT $1::bigint, $2::text, $3::bytea, $4::bigint, true", .bigint(.min), .text("grün\n"),
            .bytea([0, 0xFF]), .bigint(nil))
        // The second time it is a statement that was prepared.
        for _ in 0..<2 {
            let row = try #require(try connection.run(sent, until: .now + Self.soon).first)
            #expect(try row.optionalInteger(0) == .min)
            #expect(try row.optionalText(1) == "grün\n")
            #expect(try row.optionalBytes(2) == [0, 0xFF])
            #expect(try row.optionalInteger(3) == nil)
            #expect(try row.bool(4))
        }
    }

    @Test("Arrays too, also empty ones, and empty values")
    func arrays() async throws {
        let row = try #require(
            try await connection().run(
                query(
                    "SELECT $1::bigint[] = '{1,-2}', $2::text[] = ARRAY['a', ''], $3::bytea[] = '{}', $4::bytea, $5::text",
                    .bigints([1, -2]), .texts(["a", ""]), .byteas([]), .bytea([]), .text("")), until: .now + Self.soon
            ).first)
        for column in 0..<3 { #expect(try row.bool(column)) }
        #expect(try row.optionalBytes(3) == [])
        #expect(try row.optionalText(4) == "")
    }

    @Test("U+0000, which PostgreSQL's text has not, is sent as U+FFFD")
    func zero() async throws {
        let result = try await connection().run(query("SELECT $1::text", .text("a\0b")), until: .now + Self.soon)
        #expect(try result.first?.optionalText(0) == "a\u{FFFD}b")
    }

    @Test("A column of another type, or that there is not, is an error, and nothing is read of it")
    func otherTypes() async throws {
        let row = try #require(
            try await connection().run(query("SELECT 1::int, 'a'::text, NULL::bool"), until: .now + Self.soon).first)
        #expect(throws: MalformedResult.self) { try row.optionalInteger(0) }
        #expect(throws: MalformedResult.self) { try row.optionalBytes(1) }
        #expect(throws: MalformedResult.self) { try row.bool(2) }
        for column in [-1, 3, .max] { #expect(throws: MalformedResult.self) { try row.optionalText(column) } }
    }

    @Test("After a statement that fails none is run, and the connection goes on")
    func failures() async throws {
        let connection = try await connection()
        let answers = try connection.run(
            [query("SELECT 1::bigint"), query("SELECT 1 / $1::bigint", .bigint(0)), query("SELECT 2::bigint")],
            until: .now + Self.soon)
        guard case .result = answers[0], case .error(let error) = answers[1], case .skipped = answers[2] else {
            Issue.record("\(answers)")
            return
        }
        #expect(error.sqlState == "22012")
        #expect(throws: PostgreSQLError.self) {
            try connection.all([query("SELECT no_such_column")], until: .now + Self.soon)
        }
        #expect(try connection.run(query("SELECT 3::bigint"), until: .now + Self.soon).first?.optionalInteger(0) == 3)
    }

    @Test("A statement takes no longer than it may, and an answer is waited for no longer than until the deadline")
    func deadlines() async throws {
        let limited = try await connection(statement: .seconds(1))
        let error = #expect(throws: PostgreSQLError.self) {
            try limited.run(query("SELECT pg_sleep(30)::text"), until: .now + Self.soon)
        }
        #expect(error?.sqlState == PostgreSQLError.queryCancelled)
        let connection = try await connection()
        #expect(throws: ConnectionBroken.self) {
            try connection.run(query("SELECT pg_sleep(30)::text"), until: .now + .milliseconds(50))
        }
    }

    @Test("The server knows a connection by its name")
    func name() async throws {
        let name = try await connection().run(
            query("SELECT application_name FROM pg_stat_activity WHERE pid = pg_backend_pid()"),
            until: .now + Self.soon)
        #expect(try name.first?.optionalText(0) == "test")
    }

    @Test("How many rows a statement changed, and what it was")
    func changes() async throws {
        let connection = try await connection()
        try connection.run(query("CREATE TABLE t (a bigint)"), until: .now + Self.soon)
        let result = try connection.run(query("INSERT INTO t SELECT generate_series(1, 7)"), until: .now + Self.soon)
        #expect(result.changes == 7)
        #expect(result.tag == "INSERT 0 7")
        #expect(result.rows.isEmpty)
    }

    @Test("A server that is not there cannot be used")
    func unreachable() {
        #expect(throws: ConnectionBroken.self) {
            try Connection(
                PostgreSQLConfiguration(uri: "postgres://127.0.0.1:1/d"),
                Connection.Limits(statement: .seconds(1), scansTables: false), application: "test")
        }
    }
}
