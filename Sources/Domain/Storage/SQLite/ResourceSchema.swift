extension Schema {
    /// Attested guests that named no workload, resources, and what attempts there are beside those to attest.
    static let guestsAndResources = """
        -- A row that has expired remembers that its challenge was answered, as in sessions.
        CREATE TABLE guests (
            id BLOB NOT NULL PRIMARY KEY,
            tee TEXT NOT NULL,
            chip TEXT NOT NULL,
            opened INTEGER NOT NULL,
            expires INTEGER NOT NULL,
            master_key TEXT NOT NULL,
            code BLOB NOT NULL,    -- the broker's, over the rest
            claims TEXT NOT NULL,  -- JSON
            key TEXT NOT NULL,     -- JWK
            verdict TEXT NOT NULL, -- JSON
            token TEXT NOT NULL
        ) STRICT;
        CREATE INDEX guests_by_expiry ON guests (expires);
        CREATE INDEX guests_by_chip ON guests (chip);

        CREATE TABLE resources (
            row INTEGER PRIMARY KEY AUTOINCREMENT,
            path TEXT NOT NULL UNIQUE,
            policy TEXT REFERENCES policies (name) ON DELETE RESTRICT, -- without one nobody gets it
            current INTEGER NOT NULL, -- the version that is given out
            latest INTEGER NOT NULL,  -- the version that was put last
            change INTEGER NOT NULL,  -- counts all that is done to it
            disabled INTEGER NOT NULL DEFAULT 0,
            created INTEGER NOT NULL,
            changed INTEGER NOT NULL
        ) STRICT;
        CREATE INDEX resources_by_policy ON resources (policy);

        CREATE TABLE resource_versions (
            resource INTEGER NOT NULL REFERENCES resources (row) ON DELETE CASCADE,
            version INTEGER NOT NULL,
            size INTEGER NOT NULL, -- of what is sealed
            stored INTEGER NOT NULL,
            policy TEXT REFERENCES policies (name) ON DELETE SET NULL, -- the resource's, while this is the current one
            master_key TEXT NOT NULL,
            sealed BLOB NOT NULL,  -- AES-256-GCM; last, as it may go on over many pages
            PRIMARY KEY (resource, version)
        ) STRICT;
        CREATE INDEX resource_versions_by_master_key ON resource_versions (master_key);
        CREATE INDEX resource_versions_by_policy ON resource_versions (policy);

        ALTER TABLE attempts ADD COLUMN action TEXT NOT NULL DEFAULT 'guest.attest';
        """
}
