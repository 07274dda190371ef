import Foundation
import GRDB

/// A database file, as one end of a copy. Whoever opens it sees to it that nobody else works on it.
final class SQLiteCopyEnd: CopyEnd {
    private let queue: DatabaseQueue

    init(_ file: URL) throws {
        var configuration = Configuration()
        configuration.label = "kbs.copy"
        configuration.busyMode = .timeout(10)
        configuration.allowsUnsafeTransactions = true
        queue = try DatabaseQueue(path: file.path(percentEncoded: false), configuration: configuration)
        try queue.writeWithoutTransaction { try $0.execute(sql: "PRAGMA synchronous = FULL") }
        try Schema.prepare(queue, migrates: false)
    }

    func beginReading(isSnapshot: Bool) throws { try run("BEGIN") }

    /// Nobody else can have it.
    func finishReading() throws {}

    func beginWriting() throws { try run("BEGIN IMMEDIATE") }

    func finishWriting() throws { try run("COMMIT") }

    func forEachRow(of table: CopiedTable, _ body: ([CopiedValue]) throws -> Void) throws {
        try queue.unsafeReentrantWrite { database in
            let rows = try Row.fetchCursor(
                database, sql: "SELECT \(table.columnList) FROM \(table.name) ORDER BY \(table.order)")
            while let row = try rows.next() {
                try body(
                    table.columns.indices.map { index in
                        switch row[index] as DatabaseValue {
                        case .null: .none
                        case let value:
                            switch table.columns[index].kind {
                            case .integer: .integer(try value.decoded())
                            case .text: .text(try value.decoded())
                            case .bytes: .bytes(Array(try value.decoded() as Data))
                            }
                        }
                    })
            }
        }
    }

    func insert(_ rows: [[CopiedValue]], into table: CopiedTable) throws {
        guard !rows.isEmpty else { return }
        let places = table.columns.map { _ in "?" }.joined(separator: ", ")
        try queue.unsafeReentrantWrite { database in
            let statement = try database.cachedStatement(
                sql: "INSERT INTO \(table.name) (\(table.columnList)) VALUES (\(places))")
            for row in rows { try statement.execute(arguments: StatementArguments(row.map(\.databaseValue))) }
        }
    }

    func lastNumber(_ table: CopiedTable) throws -> Int64 {
        try queue.unsafeReentrantWrite { database in
            try Int64.fetchOne(database, sql: "SELECT seq FROM sqlite_sequence WHERE name = ?", arguments: [table.name])
                ?? 0
        }
    }

    func setLastNumber(_ number: Int64, of table: CopiedTable) throws {
        try queue.unsafeReentrantWrite { database in
            try database.execute(sql: "DELETE FROM sqlite_sequence WHERE name = ?", arguments: [table.name])
            guard number > 0 else { return }
            try database.execute(
                sql: "INSERT INTO sqlite_sequence (name, seq) VALUES (?, ?)", arguments: [table.name, number])
        }
    }

    func count(_ table: CopiedTable) throws -> Int64 {
        try queue.unsafeReentrantWrite { try Int64.fetchOne($0, sql: "SELECT count(*) FROM \(table.name)") ?? 0 }
    }

    func close() { try? queue.close() }

    private func run(_ sql: String) throws { try queue.unsafeReentrantWrite { try $0.execute(sql: sql) } }
}

extension DatabaseValue {
    fileprivate func decoded<T: DatabaseValueConvertible>() throws -> T {
        guard let value = T.fromDatabaseValue(self) else {
            throw StorageCopy.Failure(description: "a column has a value of another kind than its own")
        }
        return value
    }
}

extension CopiedValue {
    fileprivate var databaseValue: DatabaseValue {
        switch self {
        case .none: .null
        case .integer(let number): number.databaseValue
        case .text(let text): text.databaseValue
        case .bytes(let bytes): Data(bytes).databaseValue
        }
    }
}
