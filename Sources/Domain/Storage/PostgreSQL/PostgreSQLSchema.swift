import Broker
import Concurrency
import FoundationEssentials
import PostgreSQL

/// The schema of a PostgreSQL database. A released migration is never edited: another follows it.
enum PostgreSQLSchema {
    struct Migration: Sendable {
        /// The earliest schema version whose programs can use this one: during an upgrade of replicas one by one, both
        /// versions serve.
        let compatibleFrom: Int
        let statements: [String]
    }

    /// In order: a migration's position, from 1, is the schema's version.
    static let migrations = [
        Migration(compatibleFrom: 1, statements: first)
    ]

    static var version: Int { migrations.count }

    /// Creates or migrates the schema, or checks that it is this version's. Several servers may call this at once.
    ///
    /// - Throws: ``OtherSchema`` as SQLite's store does.
    static func prepare(_ connection: Connection, migrates: Bool, timeout: Duration) throws {
        var found = try current(connection, until: .now + timeout)
        while found.version < version {
            guard migrates else {
                // An empty database is not filled unasked: the URL may name the wrong one.
                guard found.version > 0 else { throw PostgreSQLUnusable.isEmpty }
                throw OtherSchema(isLater: false)
            }
            try migrateInTurn(connection)
            found = try current(connection, until: .now + timeout)
        }
        guard found.compatibleFrom <= version else { throw OtherSchema(isLater: true) }
        if migrates { try keepTrail(connection, until: .now + timeout) }
    }

    /// Revokes the rights to change or remove the trail's records: servers append to it and read it. The owner can
    /// grant them again; a superuser always has them.
    private static func keepTrail(_ connection: Connection, until deadline: ContinuousClock.Instant) throws {
        func run(_ sql: String) throws -> QueryResult {
            try connection.run(Query(sql, isPrepared: false), until: deadline)
        }
        guard try run(whoMayChangeTrail).first != nil else { return }
        _ = try run("BEGIN")
        do {
            // Two servers at once would fail each other.
            _ = try run(turn)
            for row in try run(whoMayChangeTrail).rows {
                _ = try run("REVOKE UPDATE, DELETE, TRUNCATE ON audit FROM \(try row.text(0))")
            }
            _ = try run("COMMIT")
        } catch let error as PostgreSQLError {
            _ = try run("ROLLBACK")
            throw error
        }
    }

    /// The grantees, quoted for SQL; no rows unless the current role owns the table.
    private static let whoMayChangeTrail = """
        SELECT DISTINCT CASE a.grantee WHEN 0 THEN 'PUBLIC' ELSE quote_ident(pg_get_userbyid(a.grantee)) END
        FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
            CROSS JOIN aclexplode(coalesce(c.relacl, acldefault('r', c.relowner))) a
        WHERE c.relname = 'audit' AND n.nspname = ANY (current_schemas(false))
            AND pg_get_userbyid(c.relowner) = current_user
            AND a.privilege_type IN ('UPDATE', 'DELETE', 'TRUNCATE')
        """

    /// The lock that serializes migrations: the second server waits, and finds the schema migrated. An arbitrary
    /// number.
    private static let turn = "SELECT pg_advisory_xact_lock(5281726154870713)"

    /// A database's schema version.
    struct Found: Sendable, Hashable {
        /// 0 when the database has no schema.
        var version = 0
        /// See ``Migration/compatibleFrom``.
        var compatibleFrom = 0
    }

    static func current(_ connection: Connection, until deadline: ContinuousClock.Instant) throws -> Found {
        // Two statements: one that names a missing table cannot even be parsed.
        let exists = try connection.run(
            Query(
                // Not to_regclass: PostgreSQL caches a table's absence, also after another server has made it.
                """
                SELECT EXISTS (SELECT 1 FROM pg_tables
                    WHERE tablename = 'kbs_schema' AND schemaname = ANY (current_schemas(false))),
                    EXISTS (SELECT 1 FROM pg_tables
                    WHERE tablename IN ('workloads', 'schema_versions') AND schemaname = ANY (current_schemas(false)))
                """, isPrepared: false), until: deadline)
        guard try exists.first?.bool(0) == true else {
            if try exists.first?.bool(1) == true { throw OtherSchema(isLater: false) }
            return Found()
        }
        let found = try connection.run(
            Query(
                "SELECT version, compatible_from FROM kbs_schema ORDER BY version DESC LIMIT 1", isPrepared: false),
            until: deadline)
        return try found.first.map { Found(version: try $0.int(0), compatibleFrom: try $0.int(1)) } ?? Found()
    }

    /// Runs the next migration, and retries when it conflicts with other transactions.
    private static func migrateInTurn(_ connection: Connection) throws {
        let end = ContinuousClock.now + .seconds(3_600)
        while true {
            do { return try migrate(connection) } catch let error as PostgreSQLError {
                guard Remedy(error) == .again, .now < end else { throw error }
                BlockingThread.sleep(for: .seconds(Double.random(in: 0.5...2)))
            }
        }
    }

    /// Runs the next pending migration, if there is one, in a transaction.
    private static func migrate(_ connection: Connection) throws {
        // Building an index on a large table takes long.
        let deadline = ContinuousClock.now + .seconds(3_600)
        func run(_ sql: String, _ values: [Value] = []) throws {
            try connection.run(Query(sql, values, isPrepared: false), until: deadline)
        }
        try run("BEGIN")
        do {
            try run("SET LOCAL statement_timeout = 0")
            try run("SET LOCAL lock_timeout = 0")
            try run(turn)
            // While this waits for a table's lock, all later lockers wait behind it. Behind a long read, such as a
            // backup's, no guest would be served: so give up after a second, and retry.
            try run("SET LOCAL lock_timeout = 1000")
            let found = try current(connection, until: deadline).version
            if found < version {
                let migration = migrations[found]
                for statement in migration.statements { try run(statement) }
                try run(
                    "INSERT INTO kbs_schema (version, compatible_from, applied) VALUES ($1, $2, $3)",
                    [.integer(found + 1), .integer(migration.compatibleFrom), .integer(Date().seconds)])
            }
            try run("COMMIT")
        } catch let error as PostgreSQLError {
            try run("ROLLBACK")
            throw error
        }
    }

    /// The tables of both databases, and the trail's head, at which servers take turns.
    private static let first =
        Tables.postgreSQL.statements + [
            // Ciphertext does not compress.
            "ALTER TABLE resource_versions ALTER COLUMN sealed SET STORAGE EXTERNAL",
            // The trail's rows never change: they are frozen soon after they are written, so that no vacuum has to read
            // them all again.
            """
            ALTER TABLE audit SET (autovacuum_vacuum_insert_scale_factor = 0,
                autovacuum_vacuum_insert_threshold = 500000, autovacuum_freeze_min_age = 0)
            """,
            // One row: the trail's last entry, and the lock by which all who append to it take turns. The page has room
            // for new versions of the row.
            """
            CREATE TABLE audit_head (
                one BIGINT PRIMARY KEY DEFAULT 1 CHECK (one = 1),
                seq BIGINT NOT NULL,
                hash BYTEA NOT NULL
            ) WITH (fillfactor = 10)
            """,
            "INSERT INTO audit_head (seq, hash) VALUES (0, decode(repeat('00', 32), 'hex'))",
        ]
}
