import FoundationEssentials
import SQLite

/// A database file, as one end of a copy. The caller ensures that no other process uses it.
final class SQLiteCopyEnd: CopyEnd {
    private let database: Database

    init(_ file: URL) throws {
        let path = file.path(percentEncoded: false)
        let queue = try DatabaseQueue(path: path)
        defer { try? queue.close() }
        try Schema.prepare(queue)
        database = try Database(path: path)
    }

    func beginReading(isSnapshot: Bool) throws { try database.execute(sql: "BEGIN") }

    /// No other process uses the file, so nothing was missed.
    func finishReading() throws {}

    func beginWriting() throws { try database.execute(sql: "BEGIN IMMEDIATE") }

    func finishWriting() throws { try database.execute(sql: "COMMIT") }

    func forEachRow(of table: CopiedTable, _ body: ([CopiedValue]) throws -> Void) throws {
        let rows = try database.makeStatement(
            sql: "SELECT \(table.columnList) FROM \(table.name) ORDER BY \(table.order)")
        try rows.forEachRow { row in
            try body(
                try table.columns.indices.map { index in
                    switch table.columns[index].kind {
                    case .integer: try (row[index] as Int64?).map { .integer($0) } ?? .none
                    case .text: try (row[index] as String?).map { .text($0) } ?? .none
                    case .bytes: try (row[index] as [UInt8]?).map { .bytes($0) } ?? .none
                    }
                })
        }
    }

    func insert(_ rows: [[CopiedValue]], into table: CopiedTable) throws {
        guard !rows.isEmpty else { return }
        let places = table.columns.map { _ in "?" }.joined(separator: ", ")
        let statement = try database.cachedStatement(
            sql: "INSERT INTO \(table.name) (\(table.columnList)) VALUES (\(places))")
        for row in rows { try statement.execute(arguments: StatementArguments(row.map(\.databaseValue))) }
    }

    func lastNumber(_ table: CopiedTable) throws -> Int64 {
        try Int64.fetchOne(database, sql: "SELECT seq FROM sqlite_sequence WHERE name = ?", arguments: [table.name])
            ?? 0
    }

    func setLastNumber(_ number: Int64, of table: CopiedTable) throws {
        try database.execute(sql: "DELETE FROM sqlite_sequence WHERE name = ?", arguments: [table.name])
        guard number > 0 else { return }
        try database.execute(
            sql: "INSERT INTO sqlite_sequence (name, seq) VALUES (?, ?)", arguments: [table.name, number])
    }

    func count(_ table: CopiedTable) throws -> Int64 {
        try Int64.fetchOne(database, sql: "SELECT count(*) FROM \(table.name)") ?? 0
    }

    func close() { try? database.close() }
}

extension CopiedValue {
    fileprivate var databaseValue: DatabaseValue {
        switch self {
        case .none: .null
        case .integer(let number): number.databaseValue
        case .text(let text): text.databaseValue
        case .bytes(let bytes): bytes.databaseValue
        }
    }
}
