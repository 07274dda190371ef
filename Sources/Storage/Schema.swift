import GRDB

/// What is in the database. A migration that has been released is never edited: another follows it.
enum Schema {
    static var migrator: DatabaseMigrator {
        var migrator = DatabaseMigrator()
        migrator.registerMigration("v1") { try $0.execute(sql: v1) }
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
}
