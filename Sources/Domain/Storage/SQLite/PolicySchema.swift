extension Schema {
    /// Policies, and the reference values that they name.
    ///
    /// What is named by something else cannot go.
    static let policies = """
        CREATE TABLE policies (
            name TEXT PRIMARY KEY,
            document TEXT NOT NULL, -- TOML, as its author wrote it
            rules TEXT NOT NULL,    -- what it means, JSON
            revision INTEGER NOT NULL,
            changed INTEGER NOT NULL
        ) STRICT, WITHOUT ROWID;

        CREATE TABLE reference_values (
            name TEXT PRIMARY KEY,
            kind TEXT NOT NULL,
            digests BLOB NOT NULL, -- one after the other; their length follows from the kind
            source TEXT NOT NULL,
            expires INTEGER,
            revision INTEGER NOT NULL,
            changed INTEGER NOT NULL
        ) STRICT, WITHOUT ROWID;

        CREATE TABLE policy_references (
            policy TEXT NOT NULL REFERENCES policies (name) ON DELETE CASCADE,
            reference_values TEXT NOT NULL REFERENCES reference_values (name) ON DELETE RESTRICT,
            PRIMARY KEY (policy, reference_values)
        ) STRICT, WITHOUT ROWID;
        CREATE INDEX policy_references_by_values ON policy_references (reference_values);

        -- One row, once there was a policy: the last number that was given to a state of any.
        CREATE TABLE revisions (
            one INTEGER PRIMARY KEY DEFAULT 1 CHECK (one = 1),
            last INTEGER NOT NULL
        ) STRICT;
        """
}
