import CSQLite

/// How a database is opened.
public struct Configuration: Sendable {
    public enum JournalMode: Sendable {
        /// A write-ahead log: readers and the one writer do not wait for each other.
        case wal
    }

    /// Whether it is only read. A file that is not there is an error then.
    public var readonly = false
    /// Whether nobody can change the file while it is open. SQLite then makes no files beside it, and looks for none:
    /// what is still in a write-ahead log is not seen.
    public var isImmutable = false
    /// How long a statement waits for another connection's lock, before it fails with ``ResultCode/busy``.
    public var busyTimeout = Duration.seconds(10)
    /// nil leaves it as the file has it.
    public var journalMode: JournalMode?
    private var preparations: [@Sendable (Database) throws -> Void] = []

    public init() {}

    /// Has `body` called when the connection is open, before anybody else has it.
    public mutating func prepareDatabase(_ body: @escaping @Sendable (Database) throws -> Void) {
        preparations.append(body)
    }

    /// The name by which SQLite opens a path as it stands.
    func name(_ path: String?) throws -> String {
        guard let path else { return ":memory:" }
        guard !path.isEmpty, !path.utf8.contains(0) else {
            throw DatabaseError(.cannotOpen, message: "the database's path is empty or holds a NUL character")
        }
        // ":memory:" and "file:…" would not be files.
        let name = path.hasPrefix("/") ? path : "./" + path
        return isImmutable ? "file:" + Self.percentEncoded(name) + "?immutable=1" : name
    }

    private static func percentEncoded(_ path: String) -> String {
        let digits = Array("0123456789ABCDEF".utf8)
        var encoded: [UInt8] = []
        for byte in path.utf8 {
            switch byte {
            case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
                UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "/"), UInt8(ascii: "."), UInt8(ascii: "-"),
                UInt8(ascii: "_"):
                encoded.append(byte)
            default: encoded += [UInt8(ascii: "%"), digits[Int(byte >> 4)], digits[Int(byte & 0xF)]]
            }
        }
        return String(decoding: encoded, as: UTF8.self)
    }

    /// A connection has no mutex: one thread at a time has it anyway.
    func flags(_ access: Int32) -> Int32 { access | SQLITE_OPEN_NOMUTEX | (isImmutable ? SQLITE_OPEN_URI : 0) }

    func apply(to database: Database, _ connection: Connection) throws {
        let (seconds, attoseconds) = busyTimeout.components
        let milliseconds = Int32(clamping: seconds * 1_000 + attoseconds / 1_000_000_000_000_000)
        for code in [
            sqlite3_extended_result_codes(connection.pointer, 1),
            sqlite3_busy_timeout(connection.pointer, milliseconds),
            kbs_sqlite3_refuse_quoted_strings(connection.pointer),
        ] where code != SQLITE_OK { throw connection.error(code, nil) }
        try database.execute(sql: "PRAGMA foreign_keys = ON")
        // A file that is no database is found out here, and not at the first question.
        _ = try Row.fetchOne(database, sql: "SELECT * FROM sqlite_master LIMIT 1")
        for prepare in preparations { try prepare(database) }
        if journalMode == .wal {
            let mode = try String.fetchOne(database, sql: "PRAGMA journal_mode = WAL")
            guard mode == "wal" else {
                throw DatabaseError(message: "the database takes no write-ahead log; it stays in mode \(mode ?? "?")")
            }
        }
        // After the log: SQLite may have been built with another default for that mode. With less than FULL a commit
        // would be acknowledged before it is on the disk.
        if !database.isReadOnly { try database.execute(sql: "PRAGMA synchronous = FULL") }
    }
}
