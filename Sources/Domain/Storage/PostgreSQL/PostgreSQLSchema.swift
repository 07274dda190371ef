import Broker
import Concurrency
import FoundationEssentials
import PostgreSQL

/// The schema of a database that servers share. A migration that has been released is never edited: another follows it.
enum PostgreSQLSchema {
    struct Migration: Sendable {
        /// The earliest schema whose programs can go on working once this one has run: while replicas are brought up to
        /// date one after the other, both versions serve.
        let compatibleFrom: Int
        let statements: [String]
    }

    /// Their places, from 1, are the schema's versions.
    static let migrations = [
        Migration(compatibleFrom: 1, statements: first)
    ]

    static var version: Int { migrations.count }

    /// Makes the schema, or sees to it that it is this version's. Several servers may do so at once.
    ///
    /// - Throws: ``OtherSchema`` as SQLite's store does.
    static func prepare(_ connection: Connection, migrates: Bool, timeout: Duration) throws {
        var found = try current(connection, until: .now + timeout)
        while found.version < version {
            guard migrates else {
                // Not made on the way: the URL may name another database than was meant.
                guard found.version > 0 else { throw PostgreSQLUnusable.isEmpty }
                throw OtherSchema(isLater: false)
            }
            try migrateInTurn(connection)
            found = try current(connection, until: .now + timeout)
        }
        guard found.compatibleFrom <= version else { throw OtherSchema(isLater: true) }
        if migrates { try keepTrail(connection, until: .now + timeout) }
    }

    /// Takes the right to change or remove the trail's records from everybody who was given it: servers add to it and read
    /// it. The owner can give it back; a superuser has it always.
    private static func keepTrail(_ connection: Connection, until deadline: ContinuousClock.Instant) throws {
        func run(_ sql: String) throws -> QueryResult {
            try connection.run(Query(sql, isPrepared: false), until: deadline)
        }
        guard try run(whoMayChangeTrail).first != nil else { return }
        _ = try run("BEGIN")
        do {
            // Two at once would be in each other's way.
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

    /// Names as SQL has them; none for who does not own the table.
    private static let whoMayChangeTrail = """
        SELECT DISTINCT CASE a.grantee WHEN 0 THEN 'PUBLIC' ELSE quote_ident(pg_get_userbyid(a.grantee)) END
        FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
            CROSS JOIN aclexplode(coalesce(c.relacl, acldefault('r', c.relowner))) a
        WHERE c.relname = 'audit' AND n.nspname = ANY (current_schemas(false))
            AND pg_get_userbyid(c.relowner) = current_user
            AND a.privilege_type IN ('UPDATE', 'DELETE', 'TRUNCATE')
        """

    /// Who comes second waits here, and then finds that it is done. The number means nothing.
    private static let turn = "SELECT pg_advisory_xact_lock(5281726154870713)"

    /// What is in a database.
    struct Found: Sendable, Hashable {
        /// 0 when there is nothing.
        var version = 0
        /// See ``Migration/compatibleFrom``.
        var compatibleFrom = 0
    }

    static func current(_ connection: Connection, until deadline: ContinuousClock.Instant) throws -> Found {
        // Two statements: one that names a table which is not there cannot even be read.
        let exists = try connection.run(
            Query(
                // Not to_regclass: that a table was not there is remembered, also when another server has made it.
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

    /// Runs the next migration, and begins again when it and others were in each other's way.
    private static func migrateInTurn(_ connection: Connection) throws {
        let end = ContinuousClock.now + .seconds(3_600)
        while true {
            do { return try migrate(connection) } catch let error as PostgreSQLError {
                guard Remedy(error) == .again, .now < end else { throw error }
                BlockingThread.sleep(for: .seconds(Double.random(in: 0.5...2)))
            }
        }
    }

    /// The next migration that has not run yet, if there is one, in a transaction.
    private static func migrate(_ connection: Connection) throws {
        // An index on a large table takes its time.
        let deadline = ContinuousClock.now + .seconds(3_600)
        func run(_ sql: String, _ values: [Value] = []) throws {
            try connection.run(Query(sql, values, isPrepared: false), until: deadline)
        }
        try run("BEGIN")
        do {
            try run("SET LOCAL statement_timeout = 0")
            try run("SET LOCAL lock_timeout = 0")
            try run(turn)
            // Whoever waits for a table has all others wait behind him. Behind a long read, of a backup say, no guest
            // of the servers at work would get anything: rather this begins again.
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

    /// The tables of SQLite's file, with the trail's head, which many servers take turns at.
    private static let first =
        Tables.postgreSQL.statements + [
            // What is sealed is as good as random: to try to compress it is in vain.
            "ALTER TABLE resource_versions ALTER COLUMN sealed SET STORAGE EXTERNAL",
            // Nothing in the trail changes: it is frozen soon after it is written, so that no vacuum ever has to go through
            // all of it again.
            """
            ALTER TABLE audit SET (autovacuum_vacuum_insert_scale_factor = 0,
                autovacuum_vacuum_insert_threshold = 500000, autovacuum_freeze_min_age = 0)
            """,
            // One row: the last of the trail, and the lock at which all who add to it take turns. With room for new
            // versions of itself in its page.
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
