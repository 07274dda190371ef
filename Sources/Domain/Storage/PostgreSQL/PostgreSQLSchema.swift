import Broker
import Concurrency
import FoundationEssentials

/// What is in the database: the tables of SQLite's `Schema`, with the trail's head, which many servers take turns at.
///
/// Numbers are BIGINT as SQLite's are, and texts are ordered by their bytes (COLLATE "C"). A migration that has been
/// released is never edited: another follows it.
enum PostgreSQLSchema {
    struct Migration: Sendable {
        let name: String
        /// The earliest schema whose programs can go on working once this one has run: while replicas are brought up to
        /// date one after the other, both versions serve.
        let compatibleFrom: Int
        let statements: [String]
    }

    /// Their places, from 1, are the schema's versions.
    static let migrations = [
        Migration(name: "first", compatibleFrom: 1, statements: first),
        Migration(name: "guests and resources", compatibleFrom: 1, statements: guestsAndResources),
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
    }

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
                    WHERE tablename = 'schema_versions' AND schemaname = ANY (current_schemas(false)))
                """, isPrepared: false), until: deadline)
        guard try exists.first?.bool(0) == true else { return Found() }
        let found = try connection.run(
            Query(
                "SELECT version, compatible_from FROM schema_versions ORDER BY version DESC LIMIT 1", isPrepared: false),
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
            // Who comes second waits here, and then finds that it is done. The number means nothing.
            try run("SELECT pg_advisory_xact_lock(5281726154870713)")
            // Whoever waits for a table has all others wait behind him. Behind a long read, of a backup say, no guest
            // of the servers at work would get anything: rather this begins again.
            try run("SET LOCAL lock_timeout = 1000")
            let found = try current(connection, until: deadline).version
            if found < version {
                let migration = migrations[found]
                for statement in migration.statements { try run(statement) }
                try run(
                    "INSERT INTO schema_versions (version, name, compatible_from, applied) VALUES ($1, $2, $3, $4)",
                    [
                        .integer(found + 1), .text(migration.name), .integer(migration.compatibleFrom),
                        .integer(Date().seconds),
                    ])
            }
            try run("COMMIT")
        } catch let error as PostgreSQLError {
            try run("ROLLBACK")
            throw error
        }
    }

    private static let first = [
        """
        CREATE TABLE schema_versions (
            version BIGINT PRIMARY KEY,
            name TEXT NOT NULL,
            compatible_from BIGINT NOT NULL, -- the earliest version whose programs can work on this one
            applied BIGINT NOT NULL -- seconds since 1970
        )
        """,
        // A workload's row is never used again, so that a challenge for one registration is not good for the next.
        """
        CREATE TABLE workloads (
            row BIGINT GENERATED BY DEFAULT AS IDENTITY PRIMARY KEY,
            id TEXT COLLATE "C" NOT NULL UNIQUE,
            tee TEXT NOT NULL CHECK (tee IN ('snp', 'sev')),
            registered BIGINT NOT NULL, -- seconds since 1970
            disabled BIGINT NOT NULL DEFAULT 0
        )
        """,
        """
        CREATE TABLE measurements (
            workload BIGINT PRIMARY KEY REFERENCES workloads (row) ON DELETE CASCADE,
            digest BYTEA NOT NULL
        )
        """,
        """
        CREATE TABLE configs (
            workload BIGINT PRIMARY KEY REFERENCES workloads (row) ON DELETE CASCADE,
            tee_config TEXT NOT NULL, -- as the registrant wrote it
            policy BIGINT NOT NULL    -- what it means: SNP's guest policy, or SEV's flags | minor << 24 | major << 16
        )
        """,
        """
        CREATE TABLE secrets (
            workload BIGINT PRIMARY KEY REFERENCES workloads (row) ON DELETE CASCADE,
            sealed BYTEA NOT NULL, -- AES-256-GCM under a key derived from the master key
            master_key TEXT COLLATE "C" NOT NULL DEFAULT ''
        )
        """,
        "CREATE INDEX secrets_by_master_key ON secrets (master_key)",
        """
        CREATE TABLE sessions (
            id BYTEA PRIMARY KEY,
            workload BIGINT NOT NULL REFERENCES workloads (row) ON DELETE CASCADE,
            binding BYTEA NOT NULL, -- the guest's RSA modulus, or an SEV guest's keyed measurement
            exponent BYTEA,         -- RSA only
            chip TEXT COLLATE "C" NOT NULL,
            expires BIGINT NOT NULL,
            code BYTEA NOT NULL,    -- the broker's, over the rest
            opened BIGINT NOT NULL DEFAULT 0,
            master_key TEXT COLLATE "C" NOT NULL DEFAULT ''
        )
        """,
        "CREATE INDEX sessions_by_expiry ON sessions (expires)",
        "CREATE INDEX sessions_by_workload ON sessions (workload)",
        "CREATE INDEX sessions_by_chip ON sessions (chip)",
        """
        CREATE TABLE certificates (
            name TEXT COLLATE "C" NOT NULL, -- whose it is: EndorsementIdentity.keyName or authorityName
            fingerprint BYTEA NOT NULL,     -- SHA-256 of the DER
            der BYTEA NOT NULL,
            added BIGINT NOT NULL,
            PRIMARY KEY (name, fingerprint)
        )
        """,
        "CREATE INDEX certificates_by_fingerprint ON certificates (fingerprint)",
        """
        CREATE TABLE attempts (
            id BIGINT GENERATED BY DEFAULT AS IDENTITY PRIMARY KEY,
            time BIGINT NOT NULL, -- milliseconds since 1970
            workload TEXT COLLATE "C" NOT NULL,
            tee TEXT NOT NULL,
            session TEXT NOT NULL,
            chip TEXT NOT NULL,
            outcome TEXT COLLATE "C" NOT NULL CHECK (outcome IN ('accepted', 'refused')),
            code TEXT NOT NULL,     -- of the refusal
            sentence TEXT NOT NULL,
            verdict TEXT NOT NULL   -- JSON
        )
        """,
        "CREATE INDEX attempts_by_workload ON attempts (workload, id)",
        "CREATE INDEX attempts_by_outcome ON attempts (outcome, id)",
        // Each record with SHA-256 over the previous hash and itself. Nothing in it changes: it is frozen soon after it is
        // written, so that no vacuum ever has to go through all of it again.
        """
        CREATE TABLE audit (
            seq BIGINT PRIMARY KEY,
            record TEXT NOT NULL, -- canonical JSON
            hash BYTEA NOT NULL
        ) WITH (autovacuum_vacuum_insert_scale_factor = 0, autovacuum_vacuum_insert_threshold = 500000,
            autovacuum_freeze_min_age = 0)
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
        """
        CREATE TABLE tokens (
            id TEXT COLLATE "C" PRIMARY KEY,
            digest BYTEA NOT NULL, -- SHA-256 of the secret part
            role TEXT NOT NULL CHECK (role IN ('registrar', 'auditor', 'admin')),
            description TEXT NOT NULL,
            created BIGINT NOT NULL,
            expires BIGINT NOT NULL,
            revoked BIGINT -- when
        )
        """,
        // The servers' own signing keys.
        """
        CREATE TABLE server_keys (
            name TEXT COLLATE "C" NOT NULL, -- what it is for
            id TEXT COLLATE "C" NOT NULL,
            sealed BYTEA NOT NULL,
            master_key TEXT COLLATE "C" NOT NULL,
            created BIGINT NOT NULL,
            PRIMARY KEY (name, id)
        )
        """,
        // What became of each master key that this database has seen. Of the key itself there is nothing here.
        """
        CREATE TABLE master_keys (
            id TEXT COLLATE "C" PRIMARY KEY,
            activated BIGINT NOT NULL, -- seconds since 1970, as all times here
            superseded BIGINT,         -- when another became the active one
            retired BIGINT             -- since when nothing may be written under it
        )
        """,
    ]
}
