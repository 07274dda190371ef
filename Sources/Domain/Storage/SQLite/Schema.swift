import SQLite

/// What is in the database. A migration that has been released is never edited: another follows it.
enum Schema {
    /// Makes the schema, or sees to it that it is this version's.
    static func prepare(_ writer: DatabaseQueue, migrates: Bool) throws {
        let migrator = migrator
        let (isNew, isNewer, isOlder) = try writer.read { database in
            let done = try migrator.completedMigrations(database)
            return (
                done.isEmpty, try migrator.hasBeenSuperseded(database), try !migrator.hasCompletedMigrations(database)
            )
        }
        guard !isNewer else { throw OtherSchema(isLater: true) }
        guard isNew || isOlder else { return }
        guard isNew || migrates else { throw OtherSchema(isLater: false) }
        try migrator.migrate(writer)
    }

    static var migrator: DatabaseMigrator {
        var migrator = DatabaseMigrator()
        migrator.registerMigration("v1") { try $0.execute(sql: v1) }
        migrator.registerMigration("v2") { try $0.execute(sql: v2) }
        migrator.registerMigration("v3") { try $0.execute(sql: masterKeys) }
        migrator.registerMigration("v4") { try $0.execute(sql: indexes) }
        migrator.registerMigration("v5") { try $0.execute(sql: policies + guestsAndResources) }
        return migrator
    }

    /// A workload's row is never used again (AUTOINCREMENT), so that a challenge for one
    /// registration is not good for the next. What depends on a workload goes with it.
    private static let v1 = """
        CREATE TABLE workloads (
            row INTEGER PRIMARY KEY AUTOINCREMENT,
            id TEXT NOT NULL UNIQUE,
            tee TEXT NOT NULL CHECK (tee IN ('snp', 'sev')),
            registered INTEGER NOT NULL -- seconds since 1970
        ) STRICT;

        CREATE TABLE measurements (
            workload INTEGER PRIMARY KEY REFERENCES workloads (row) ON DELETE CASCADE,
            digest BLOB NOT NULL
        ) STRICT;

        CREATE TABLE configs (
            workload INTEGER PRIMARY KEY REFERENCES workloads (row) ON DELETE CASCADE,
            tee_config TEXT NOT NULL, -- as the registrant wrote it
            policy INTEGER NOT NULL   -- what it means: SNP's guest policy, or SEV's flags | minor << 24 | major << 16
        ) STRICT;

        CREATE TABLE secrets (
            workload INTEGER PRIMARY KEY REFERENCES workloads (row) ON DELETE CASCADE,
            sealed BLOB NOT NULL -- AES-256-GCM under a key derived from the master key
        ) STRICT;

        CREATE TABLE sessions (
            id BLOB PRIMARY KEY,
            workload INTEGER NOT NULL REFERENCES workloads (row) ON DELETE CASCADE,
            binding BLOB NOT NULL, -- the guest's RSA modulus, or an SEV guest's keyed measurement
            exponent BLOB,         -- RSA only
            chip TEXT NOT NULL,
            expires INTEGER NOT NULL,
            code BLOB NOT NULL     -- the broker's, over the rest
        ) STRICT, WITHOUT ROWID;
        CREATE INDEX sessions_by_expiry ON sessions (expires);
        CREATE INDEX sessions_by_workload ON sessions (workload);

        CREATE TABLE certificates (
            name TEXT NOT NULL,        -- whose it is: EndorsementIdentity.keyName or authorityName
            fingerprint BLOB NOT NULL, -- SHA-256 of the DER
            der BLOB NOT NULL,
            added INTEGER NOT NULL,
            PRIMARY KEY (name, fingerprint)
        ) STRICT, WITHOUT ROWID;
        """

    /// Roles, the audit trail, attempts, and master keys that can be rotated.
    ///
    /// A `master_key` column names the master key that a row was sealed or authenticated under; it is empty in
    /// rows of version 1, which may be of any key that the server holds.
    private static let v2 = """
        ALTER TABLE workloads ADD COLUMN disabled INTEGER NOT NULL DEFAULT 0;

        ALTER TABLE secrets ADD COLUMN master_key TEXT NOT NULL DEFAULT '';
        CREATE INDEX secrets_by_master_key ON secrets (master_key);

        ALTER TABLE sessions ADD COLUMN opened INTEGER NOT NULL DEFAULT 0; -- seconds since 1970
        ALTER TABLE sessions ADD COLUMN master_key TEXT NOT NULL DEFAULT '';
        CREATE INDEX sessions_by_chip ON sessions (chip);

        -- The last attempts to attest, with every check: what an operator asks of a guest that was refused.
        CREATE TABLE attempts (
            id INTEGER PRIMARY KEY AUTOINCREMENT,
            time INTEGER NOT NULL, -- milliseconds since 1970
            workload TEXT NOT NULL,
            tee TEXT NOT NULL,
            session TEXT NOT NULL,
            chip TEXT NOT NULL,
            outcome TEXT NOT NULL CHECK (outcome IN ('accepted', 'refused')),
            code TEXT NOT NULL,     -- of the refusal
            sentence TEXT NOT NULL,
            verdict TEXT NOT NULL   -- JSON
        ) STRICT;
        CREATE INDEX attempts_by_workload ON attempts (workload, id);

        -- Each record with SHA-256 over the previous hash and itself.
        CREATE TABLE audit (
            seq INTEGER PRIMARY KEY,
            record TEXT NOT NULL, -- canonical JSON
            hash BLOB NOT NULL
        ) STRICT;

        CREATE TABLE tokens (
            id TEXT PRIMARY KEY,
            digest BLOB NOT NULL, -- SHA-256 of the secret part
            role TEXT NOT NULL CHECK (role IN ('registrar', 'auditor', 'admin')),
            description TEXT NOT NULL,
            created INTEGER NOT NULL,
            expires INTEGER NOT NULL,
            revoked INTEGER -- when
        ) STRICT, WITHOUT ROWID;

        -- The server's own signing keys.
        CREATE TABLE server_keys (
            name TEXT NOT NULL, -- what it is for
            id TEXT NOT NULL,
            sealed BLOB NOT NULL,
            master_key TEXT NOT NULL,
            created INTEGER NOT NULL,
            PRIMARY KEY (name, id)
        ) STRICT, WITHOUT ROWID;
        """

    /// What became of each master key that this database has seen. Of the key itself there is nothing here.
    private static let masterKeys = """
        CREATE TABLE master_keys (
            id TEXT PRIMARY KEY,
            activated INTEGER NOT NULL, -- seconds since 1970, as all times here
            superseded INTEGER,         -- when another became the active one
            retired INTEGER             -- since when nothing may be written under it
        ) STRICT, WITHOUT ROWID;
        """

    /// For the inventory of certificates, and for listing what was refused.
    private static let indexes = """
        CREATE INDEX certificates_by_fingerprint ON certificates (fingerprint);
        CREATE INDEX attempts_by_outcome ON attempts (outcome, id);
        """
}
