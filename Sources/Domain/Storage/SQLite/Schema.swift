import FoundationEssentials
import SQLite

/// The schema of a database file.
enum Schema {
    static let version: Int64 = 1

    /// Creates the schema in a new file, or checks that it is this version's.
    static func prepare(_ writer: DatabaseQueue) throws {
        try writer.writeWithoutTransaction { database in
            if try state(of: database) == .current { return }
            try database.inTransaction(.immediate) {
                // Another process may have created it meanwhile.
                switch try state(of: database) {
                case .current: return
                case .other: throw OtherSchema(isLater: false)
                case .later: throw OtherSchema(isLater: true)
                case .none: break
                }
                for statement in Tables.sqlite.statements { try database.execute(sql: statement) }
                try database.execute(
                    sql: "INSERT INTO kbs_schema (version, compatible_from, applied) VALUES (?, ?, ?)",
                    arguments: [version, version, Date().seconds])
            }
        }
    }

    static func state(of database: Database) throws -> DatabaseInspection.State {
        guard try database.tableExists("kbs_schema") else {
            return try Int.fetchOne(database, sql: "SELECT count(*) FROM sqlite_schema") == 0 ? .none : .other
        }
        let found = try Int64.fetchOne(database, sql: "SELECT max(version) FROM kbs_schema") ?? 0
        return found == version ? .current : found > version ? .later : .other
    }
}
