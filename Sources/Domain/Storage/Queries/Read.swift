public import Broker
import FoundationEssentials
import PostgreSQL
import SQLite

/// A value for a parameter, in either database.
extension Value {
    static func time(_ date: Date) -> Value { .integer(date.seconds) }
}

/// A statement for both databases, in SQLite's form. Parameters are `?1`, `?2` and so on; PostgreSQL has `$1` and calls
/// `instr` `strpos`.
struct SQLText: Sendable, ExpressibleByStringInterpolation {
    let sqlite: String
    /// PostgreSQL's form, if it is another statement.
    private let other: String?
    /// PostgreSQL's lock of the rows that are read, such as `FOR SHARE`. SQLite has one writer, which needs none.
    private let lock: String

    init(_ text: String, lock: String = "") { (sqlite, other, self.lock) = (text, nil, lock) }

    init(sqlite: String, postgreSQL: String) { (self.sqlite, other, lock) = (sqlite, postgreSQL, "") }

    init(stringLiteral text: String) { self.init(text) }

    /// PostgreSQL's form. Byte by byte: `replacing(_:with:)` took as long as the statement.
    var postgreSQL: String {
        if let other { return other }
        let (own, theirs) = ("instr(".utf8, "strpos(".utf8)
        var text: [UInt8] = []
        text.reserveCapacity(sqlite.utf8.count + 8)
        var rest = sqlite.utf8[...]
        while let byte = rest.first {
            if byte == UInt8(ascii: "i"), rest.starts(with: own) {
                text += theirs
                rest = rest.dropFirst(own.count)
            } else {
                text.append(byte == UInt8(ascii: "?") ? UInt8(ascii: "$") : byte)
                rest = rest.dropFirst()
            }
        }
        return String(decoding: text, as: UTF8.self) + (lock.isEmpty ? "" : " \(lock)")
    }
}

/// A row of an answer, from either database. Columns count from 0. A value of another type than the one read throws: a
/// row is outside bytes.
protocol StoredRow {
    func optionalInteger(_ column: Int) throws -> Int64?
    func optionalText(_ column: Int) throws -> String?
    func optionalBytes(_ column: Int) throws -> [UInt8]?
}

extension StoredRow {
    func integer(_ column: Int) throws -> Int64 { try present(optionalInteger(column), column) }

    func int(_ column: Int) throws -> Int { Int(try integer(column)) }

    func flag(_ column: Int) throws -> Bool { try integer(column) != 0 }

    func text(_ column: Int) throws -> String { try present(optionalText(column), column) }

    func bytes(_ column: Int) throws -> [UInt8] { try present(optionalBytes(column), column) }

    func date(_ column: Int) throws -> Date { Date(seconds: try integer(column)) }

    func optionalDate(_ column: Int) throws -> Date? { try optionalInteger(column).map { Date(seconds: $0) } }
}

@inline(__always)
private func present<T>(_ value: T?, _ column: Int) throws -> T {
    guard let value else {
        throw UnexpectedAnswer(description: "column \(column) of the database's answer has no value")
    }
    return value
}

extension SQLite.Row: StoredRow {}

/// A read for both databases: its statement, its parameters, and its row mapper.
public struct Read<Element: Sendable>: Sendable {
    /// The cost of a read, which decides where it runs.
    enum Cost: Sendable {
        /// By key, or of a few rows by an index.
        case lookup
        /// A lookup whose answer may have megabytes.
        case large
        /// Of many rows, for an operator who can wait.
        case scan
    }

    let text: SQLText
    let values: [Value]
    let cost: Cost
    let element: @Sendable (any StoredRow) throws -> Element

    init(
        _ text: SQLText, _ values: [Value] = [], _ cost: Cost = .lookup,
        _ element: @escaping @Sendable (any StoredRow) throws -> Element
    ) {
        self.text = text
        self.values = values
        self.cost = cost
        self.element = element
    }
}

/// A database that answers reads. Each read is written once, over this.
public protocol ReadingStore: ManifestSource {
    /// Reads rows. One statement sees one state of the database.
    func rows<Element>(_ read: Read<Element>) async throws -> [Element]
    /// The cache of parsed policies.
    var rules: PolicyCache { get }
    /// The manifest that rows which decide are compared with. Without it such rows are neither read nor written.
    var manifest: Manifest? { get }
}

extension ReadingStore {
    func first<Element>(_ read: Read<Element>) async throws -> Element? { try await rows(read).first }
}

/// Reads within a transaction that writes.
protocol ReadingTransaction {
    func rows<Element>(_ read: Read<Element>) throws -> [Element]
}

extension ReadingTransaction {
    func first<Element>(_ read: Read<Element>) throws -> Element? { try rows(read).first }
}

extension SQLiteStore: ReadingStore {
    public func rows<Element>(_ read: Read<Element>) async throws -> [Element] {
        switch read.cost {
        // On the caller's thread: reading a cached page costs less than a change of thread.
        case .lookup, .large: try self.read { try $0.rows(read) }
        case .scan: try await scan { try $0.rows(read) }
        }
    }
}

extension Database: ReadingTransaction {
    func rows<Element>(_ read: Read<Element>) throws -> [Element] {
        var elements: [Element] = []
        try cachedStatement(sql: read.text.sqlite).forEachRow(StatementArguments(read.values.map(\.databaseValue))) {
            elements.append(try read.element($0))
        }
        return elements
    }
}

extension PostgreSQLStore: ReadingStore {
    public func rows<Element>(_ read: Read<Element>) async throws -> [Element] {
        let result =
            switch read.cost {
            case .lookup: try await lookUp(read.text.postgreSQL, read.values)
            case .large: try await lookUp(read.text.postgreSQL, read.values, isLarge: true)
            case .scan: try await scan(read.text.postgreSQL, read.values)
            }
        return try result.rows.map(read.element)
    }
}

extension Value {
    /// SQLite's value. SQLite has no arrays, and no read of both databases uses one.
    var databaseValue: DatabaseValue {
        switch self {
        case .integer(let number): number.databaseValue
        case .text(let text): text.databaseValue
        case .bytes(let bytes): bytes.databaseValue
        case .integers, .texts, .blobs: .null
        }
    }
}
