extension Schema {
    /// Policies, and the reference values that they name.
    ///
    /// A revision is the `seq` of the trail's record of the change. What is named by something else cannot go.
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
        """
}
