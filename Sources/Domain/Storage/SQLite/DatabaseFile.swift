import Broker
public import FoundationEssentials
import SQLite

/// What is in a database file, as far as it can be said without a master key.
public struct DatabaseSummary: Sendable, Hashable {
    /// Rows of each table that an operator knows.
    public var counts: [String: Int] = [:]
    /// How many secrets and server keys are sealed under each master key.
    public var masterKeys: [String: Int] = [:]
}

/// A database file that cannot be used as one.
public struct DatabaseDamaged: Error, Sendable, Hashable, CustomStringConvertible {
    public let description: String
}

/// Whole databases: copied while a server writes to them, and checked.
public enum DatabaseFile {
    /// Writes the database's state at one moment into a file, while others read and write it.
    ///
    /// - Parameters:
    ///   - database: is not changed, and need not be of the newest schema.
    ///   - copy: an empty file. What was deleted from the database is not in it.
    public static func copy(_ database: URL, to copy: URL) throws {
        let (_, queue) = try DatabaseInspection.open(database)
        defer { try? queue.close() }
        try queue.writeWithoutTransaction { database in
            try database.execute(sql: "VACUUM INTO ?", arguments: [copy.path(percentEncoded: false)])
        }
    }

    /// Checks a file that nobody works on, every page and reference.
    ///
    /// - Throws: ``DatabaseDamaged``, also for a database that is not a broker's, or of a later version.
    public static func check(_ file: URL) throws -> DatabaseSummary {
        do {
            // Writing is allowed so that a file in WAL mode, which has no other files yet, can be opened.
            let queue = try DatabaseQueue(path: file.path(percentEncoded: false))
            defer { try? queue.close() }
            return try queue.writeWithoutTransaction { try summary(of: $0) }
        } catch let error as DatabaseError {
            throw DatabaseDamaged(description: "it is no usable database: \(error.message)")
        }
    }

    private static func summary(of database: Database) throws -> DatabaseSummary {
        // One file and no others beside it.
        try database.execute(sql: "PRAGMA journal_mode = DELETE")
        let findings = try String.fetchAll(database, sql: "PRAGMA integrity_check(20)")
        guard findings == ["ok"] else {
            throw DatabaseDamaged(description: "it is damaged: \(findings.joined(separator: "; "))")
        }
        guard try Row.fetchOne(database, sql: "PRAGMA foreign_key_check") == nil else {
            throw DatabaseDamaged(description: "it is damaged: rows refer to others that are not there")
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
            throw DatabaseDamaged(description: "it is damaged: some workloads are not whole")
        }
        let sql = """
            SELECT master_key, count(*) FROM (SELECT master_key FROM secrets UNION ALL SELECT master_key FROM server_keys
                UNION ALL SELECT master_key FROM resource_versions) GROUP BY 1
            """
        for row in try Row.fetchAll(database, sql: sql) { summary.masterKeys[try row[0]] = try row[1] }
        return summary
    }

    /// Puts what is still in a database's write-ahead log into the database, so that it is one file.
    public static func settle(_ file: URL) throws {
        let queue = try DatabaseQueue(path: file.path(percentEncoded: false))
        defer { try? queue.close() }
        try queue.writeWithoutTransaction { try $0.execute(sql: "PRAGMA wal_checkpoint(TRUNCATE)") }
    }
}
