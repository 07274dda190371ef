import Broker
public import FoundationEssentials
import SQLite

/// The contents of a database file, as far as they are known without a master key.
public struct DatabaseSummary: Sendable, Hashable {
    /// The number of rows in each table that matters to an operator.
    public var counts: [String: Int] = [:]
    /// The number of secrets, resource versions and server keys under each master key.
    public var masterKeys: [String: Int] = [:]
}

/// The file cannot be used as a broker's database.
public struct DatabaseDamaged: Error, Sendable, Hashable, CustomStringConvertible {
    public let description: String
}

/// Copies database files, also those in use by a server, and checks them.
public enum DatabaseFile {
    /// Copies the database's state at one moment into a file, while other processes use the database.
    ///
    /// - Parameters:
    ///   - database: is not changed, and may have an older schema.
    ///   - copy: an empty file. Deleted data of the database are not copied.
    ///   - isReadOnly: whether the database's disk is mounted read-only, where no process writes. Elsewhere the copy
    ///     takes SQLite's locks, for which SQLite may make two files beside the database.
    public static func copy(_ database: URL, to copy: URL, isReadOnly: Bool) throws {
        let (_, queue) = try DatabaseInspection.open(database, mayTakeNoLocks: isReadOnly)
        defer { try? queue.close() }
        try queue.writeWithoutTransaction { database in
            try database.execute(sql: "VACUUM INTO ?", arguments: [copy.path(percentEncoded: false)])
        }
    }

    /// Checks every page and reference of a file that no process uses.
    ///
    /// - Throws: ``DatabaseDamaged``, also for a file that is not a broker's database, or is of a later version.
    public static func check(_ file: URL) throws -> DatabaseSummary {
        do {
            // Opened for writing, since a file in WAL mode without its other files cannot be opened otherwise.
            let queue = try DatabaseQueue(path: file.path(percentEncoded: false))
            defer { try? queue.close() }
            return try queue.writeWithoutTransaction { try summary(of: $0) }
        } catch let error as DatabaseError {
            throw DatabaseDamaged(description: "it is no usable database: \(error.message)")
        }
    }

    private static func summary(of database: Database) throws -> DatabaseSummary {
        // Leaves one file, without a journal beside it.
        try database.execute(sql: "PRAGMA journal_mode = DELETE")
        let findings = try String.fetchAll(database, sql: "PRAGMA integrity_check(20)")
        guard findings == ["ok"] else {
            throw DatabaseDamaged(description: "it is damaged: \(findings.joined(separator: "; "))")
        }
        guard try Row.fetchOne(database, sql: "PRAGMA foreign_key_check") == nil else {
            throw DatabaseDamaged(description: "it is damaged: rows refer to rows that do not exist")
        }
        switch try Schema.state(of: database) {
        case .current: break
        case .later: throw DatabaseDamaged(description: "a later version of kbs has written it: use that")
        case .none: throw DatabaseDamaged(description: "it is not the database of a broker")
        case .other: throw DatabaseDamaged(description: "\(OtherSchema(isLater: false))")
        }
        var summary = DatabaseSummary()
        let tables = [
            "workloads", "secrets", "resources", "resource_versions", "policies", "reference_values", "sessions",
            "endorsements", "denials", "server_keys", "tokens", "audit",
        ]
        for table in tables {
            summary.counts[table] = try Int.fetchOne(database, sql: "SELECT count(*) FROM \(table)") ?? 0
        }
        let complete = try Int.fetchOne(
            database,
            sql: "SELECT count(*) FROM workloads w JOIN secrets s ON s.workload = w.row")
        guard complete == summary.counts["workloads"] else {
            throw DatabaseDamaged(description: "it is damaged: some workloads have no secret")
        }
        let sql = """
            SELECT master_key, count(*) FROM (SELECT master_key FROM secrets UNION ALL SELECT master_key FROM server_keys
                UNION ALL SELECT master_key FROM resource_versions) GROUP BY 1
            """
        for row in try Row.fetchAll(database, sql: sql) { summary.masterKeys[try row[0]] = try row[1] }
        return summary
    }

    /// Writes the write-ahead log back into the database, so that it is one file.
    public static func settle(_ file: URL) throws {
        let queue = try DatabaseQueue(path: file.path(percentEncoded: false))
        defer { try? queue.close() }
        try queue.writeWithoutTransaction { try $0.execute(sql: "PRAGMA wal_checkpoint(TRUNCATE)") }
    }
}
