import Concurrency
import PostgreSQL

/// A PostgreSQL database, as one end of a copy.
final class PostgreSQLCopyEnd: CopyEnd {
    private let connection: Connection
    private let configuration: PostgreSQLConfiguration
    private var isSnapshot = true

    /// - Parameter isTarget: whether to create the tables in an empty database.
    init(_ configuration: PostgreSQLConfiguration, isTarget: Bool) throws {
        self.configuration = configuration
        connection = try Connection(
            configuration, Connection.Limits(statement: Self.patience, scansTables: true))
        try PostgreSQLSchema.prepare(connection, migrates: isTarget, timeout: configuration.timeout)
        // A later schema may be compatible, but has tables or columns that would not be copied.
        guard
            try PostgreSQLSchema.current(connection, until: .now + configuration.timeout).version
                == PostgreSQLSchema.version
        else { throw OtherSchema(isLater: true) }
        // The other end may take long between two portions.
        try run("SET idle_in_transaction_session_timeout = 0")
    }

    /// The time limit of one statement.
    private static let patience = Duration.seconds(600)

    func beginReading(isSnapshot: Bool) throws {
        self.isSnapshot = isSnapshot
        if !isSnapshot { try waitForStoppedServers() }
        try run("BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY")
        try checkThatNobodyWorks()
    }

    /// Waits five seconds at most: PostgreSQL lists the connections of a server that has stopped a moment longer.
    private func waitForStoppedServers() throws {
        // Not in the transaction, which would not see what they changed last.
        for _ in 0..<50 where try isInUse() { BlockingThread.sleep(for: .milliseconds(100)) }
    }

    func finishReading() throws { try checkThatNobodyWorks() }

    private func checkThatNobodyWorks() throws {
        guard try isSnapshot || !isInUse() else {
            throw StorageCopy.Failure(
                description: "servers are using \(configuration), and their later changes would be missing from the "
                    + "copy: stop them, or copy the state of one moment with --snapshot")
        }
    }

    /// Whether servers or commands are connected.
    private func isInUse() throws -> Bool {
        // Within a transaction the statistics views repeat their first answer until the snapshot is cleared.
        try run("SELECT pg_stat_clear_snapshot()")
        let others = try run(
            """
            SELECT count(*) FROM pg_stat_activity WHERE datname = current_database()
                AND application_name = '\(Connection.application)' AND pid <> pg_backend_pid()
            """)
        return try others.first?.integer(0) != 0
    }

    func beginWriting() throws {
        try run("BEGIN")
        // A server that starts meanwhile waits for the copy. The trail cannot be locked, since the role may not change
        // it: its head is locked, which every addition to the trail needs.
        let tables = CopiedTable.all.map(\.name).filter { $0 != "audit" } + ["audit_head"]
        try run("LOCK TABLE \(tables.joined(separator: ", ")) IN ACCESS EXCLUSIVE MODE")
    }

    func finishWriting() throws {
        try run(
            """
            UPDATE audit_head SET seq = last.seq, hash = last.hash
            FROM (SELECT seq, hash FROM audit ORDER BY seq DESC LIMIT 1) last
            """)
        let commit = try run("COMMIT")
        guard commit.tag == "COMMIT" else {
            throw StorageCopy.Failure(description: "the database did not commit the copy")
        }
    }

    func forEachRow(of table: CopiedTable, _ body: ([CopiedValue]) throws -> Void) throws {
        try run(
            "DECLARE copied NO SCROLL CURSOR FOR SELECT \(table.columnList) FROM \(table.name) ORDER BY \(table.order)")
        while case let rows = try run("FETCH \(table.portion) FROM copied").rows, !rows.isEmpty {
            for row in rows {
                try body(
                    table.columns.indices.map { index in
                        switch table.columns[index].kind {
                        case .integer: try row.optionalInteger(index).map { .integer($0) } ?? .none
                        case .text: try row.optionalText(index).map { .text($0) } ?? .none
                        case .bytes: try row.optionalBytes(index).map { .bytes($0) } ?? .none
                        }
                    })
            }
        }
        try run("CLOSE copied")
    }

    func insert(_ rows: [[CopiedValue]], into table: CopiedTable) throws {
        guard !rows.isEmpty else { return }
        let places = table.columns.indices.map { "$\($0 + 1)" }.joined(separator: ", ")
        let sql = "INSERT INTO \(table.name) (\(table.columnList)) VALUES (\(places))"
        let queries = rows.map { row in
            Query(sql, zip(row, table.columns).map { Value($0, $1.kind) })
        }
        _ = try connection.all(queries, until: .now + Self.patience)
    }

    func lastNumber(_ table: CopiedTable) throws -> Int64 {
        let isAllowed = try run("SELECT has_sequence_privilege('\(sequence(table))', 'SELECT')")
        guard try isAllowed.first?.bool(0) == true else {
            throw StorageCopy.Failure(
                description: "this role may not read the sequence \(sequence(table)) of \(configuration): copy as the "
                    + "owner of the tables")
        }
        let found = try run("SELECT CASE WHEN is_called THEN last_value ELSE 0 END FROM \(sequence(table))")
        return try found.first?.integer(0) ?? 0
    }

    func setLastNumber(_ number: Int64, of table: CopiedTable) throws {
        guard number > 0 else { return }
        try run("SELECT setval('\(sequence(table))', \(number))")
    }

    func count(_ table: CopiedTable) throws -> Int64 {
        try run("SELECT count(*) FROM \(table.name)").first?.integer(0) ?? 0
    }

    func close() {}

    /// PostgreSQL's name of the table's sequence.
    private func sequence(_ table: CopiedTable) -> String { "\(table.name)_\(table.number)_seq" }

    @discardableResult
    private func run(_ sql: String) throws -> QueryResult {
        try connection.run(Query(sql, isPrepared: false), until: .now + Self.patience)
    }
}

extension Value {
    /// A column's value; `none` is a NULL of the column's type.
    fileprivate init(_ value: CopiedValue, _ kind: CopiedTable.Kind) {
        switch value {
        case .integer(let number): self = .integer(number)
        case .text(let text): self = .text(text)
        case .bytes(let bytes): self = .bytes(bytes)
        case .none:
            switch kind {
            case .integer: self = .integer(nil as Int64?)
            case .bytes: self = .bytes(nil)
            case .text: self = .text(nil)
            }
        }
    }
}
