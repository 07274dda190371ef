/// The steps by which a schema came to be, each applied once to a database and remembered in it.
///
/// Their names are in the table `grdb_migrations`: databases of releases before this code have it.
public struct DatabaseMigrator: Sendable {
    private struct Migration: Sendable {
        let identifier: String
        let body: @Sendable (Database) throws -> Void
    }

    private var migrations: [Migration] = []

    public init() {}

    /// Adds a step behind those that there are.
    public mutating func registerMigration(_ identifier: String, _ body: @escaping @Sendable (Database) throws -> Void)
    {
        migrations.append(Migration(identifier: identifier, body: body))
    }

    /// Applies what has not been applied, each step in a transaction of its own. Another process may do the same.
    ///
    /// While a step runs, rows may refer to others that are not there; at its end all must be there again.
    ///
    /// - Parameter last: the step to end with; nil for all.
    public func migrate(_ queue: DatabaseQueue, upTo last: String? = nil) throws {
        try queue.writeWithoutTransaction { database in
            for migration in migrations {
                if try !applied(database).contains(migration.identifier) { try apply(migration, to: database) }
                if migration.identifier == last { return }
            }
        }
    }

    private func apply(_ migration: Migration, to database: Database) throws {
        // It has no effect inside a transaction.
        try database.execute(sql: "PRAGMA foreign_keys = OFF")
        let result = Result {
            try database.inTransaction(.immediate) {
                try database.execute(
                    sql: "CREATE TABLE IF NOT EXISTS grdb_migrations (identifier TEXT NOT NULL PRIMARY KEY)")
                // Another process may have been first.
                guard try !applied(database).contains(migration.identifier) else { return }
                try migration.body(database)
                try database.execute(
                    sql: "INSERT INTO grdb_migrations (identifier) VALUES (?)", arguments: [migration.identifier])
                try checkReferences(database, after: migration)
            }
        }
        try database.execute(sql: "PRAGMA foreign_keys = ON")
        try result.get()
    }

    private func checkReferences(_ database: Database, after migration: Migration) throws {
        guard let row = try Row.fetchOne(database, sql: "PRAGMA foreign_key_check") else { return }
        let (table, parent): (String, String) = (try row[0], try row[2])
        throw DatabaseError(
            .constraint,
            message: "the migration \(migration.identifier) leaves rows of \(table) that refer to rows of \(parent) "
                + "which are not there")
    }

    /// Names of steps that the database has seen, also those of other versions of the program.
    private func applied(_ database: Database) throws -> Set<String> {
        guard try database.tableExists("grdb_migrations") else { return [] }
        return Set(try String.fetchAll(database, sql: "SELECT identifier FROM grdb_migrations"))
    }

    /// The steps that were applied, in order, up to the first that was not.
    public func completedMigrations(_ database: Database) throws -> [String] {
        let applied = try applied(database)
        return Array(migrations.map(\.identifier).prefix { applied.contains($0) })
    }

    /// Whether all steps were applied.
    public func hasCompletedMigrations(_ database: Database) throws -> Bool {
        try completedMigrations(database).count == migrations.count
    }

    /// Whether a step was applied that is not among these: a later version has written the database.
    public func hasBeenSuperseded(_ database: Database) throws -> Bool {
        !(try applied(database)).subtracting(migrations.map(\.identifier)).isEmpty
    }
}
