import CSQLite

/// The settings of a database's connection.
public struct Configuration: Sendable {
    /// Whether the file must exist, and cannot be written.
    public var readonly = false
    /// Whether the file cannot change while it is open. SQLite then neither makes nor reads files beside it: the contents
    /// of a write-ahead log are ignored.
    public var isImmutable = false
    /// The time that a statement waits for another connection's lock before it fails with ``ResultCode/busy``.
    public var busyTimeout = Duration.seconds(10)
    /// Whether to set a write-ahead log, with which readers and the writer do not block each other. Otherwise the file's
    /// mode is unchanged.
    public var usesWriteAheadLog = false
    private var preparations: [@Sendable (Database) throws -> Void] = []

    public init() {}

    /// Adds a function that is called when the connection is open, before its first use.
    public mutating func prepareDatabase(_ body: @escaping @Sendable (Database) throws -> Void) {
        preparations.append(body)
    }

    /// SQLite's name for a literal path.
    func name(_ path: String?) throws -> String {
        guard let path else { return ":memory:" }
        guard !path.isEmpty, !path.utf8.contains(0) else {
            throw DatabaseError(.cannotOpen, message: "the database's path is empty or holds a NUL character")
        }
        // Without a slash, ":memory:" and "file:…" would be special.
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

    /// Without SQLite's mutex, as one thread at a time uses a connection.
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
        // Detects a file that is not a database when it is opened.
        _ = try Row.fetchOne(database, sql: "SELECT * FROM sqlite_master LIMIT 1")
        for prepare in preparations { try prepare(database) }
        if usesWriteAheadLog {
            let mode = try String.fetchOne(database, sql: "PRAGMA journal_mode = WAL")
            guard mode == "wal" else {
                throw DatabaseError(
                    message: "the database cannot use a write-ahead log; it stays in mode \(mode ?? "?")")
            }
        }
        // After the journal's mode, on which SQLite's default depends. With less than FULL, a commit would be acknowledged
        // before it is on the disk.
        if !database.isReadOnly { try database.execute(sql: "PRAGMA synchronous = FULL") }
    }
}
