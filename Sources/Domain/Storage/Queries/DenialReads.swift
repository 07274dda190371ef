public import Broker
public import Evidence

extension ReadingStore {
    public func denials(after name: String, limit: Int) async throws -> [StoredDenial] {
        try await catchUp()
        // The manifest has the denials; the table has their reasons.
        let found = try await rows(
            Read(
                """
                SELECT m.name, d.reason, d.actor, d.denied FROM manifest m LEFT JOIN denials d ON d.name = m.name
                WHERE m.kind = '\(ManifestEntry.Kind.denial.rawValue)' AND length(m.digest) > 0 AND m.name > ?1
                ORDER BY m.name LIMIT ?2
                """, [.text(name), .integer(limit)], .scan
            ) { row -> StoredDenial? in
                guard let endorser = Endorser(name: try row.text(0)) else { return nil }
                return StoredDenial(endorser, try? Denial(endorser, row, from: 1))
            })
        return found.compactMap { kept in
            guard let kept, denies(kept.endorser) else { return nil }
            let isGenuine = kept.denial.map { manifest?.has(ManifestEntry($0)) ?? false } ?? false
            return isGenuine ? kept : StoredDenial(kept.endorser, nil)
        }
    }

    /// Without a manifest every endorser counts as denied.
    public func denies(_ endorser: Endorser) -> Bool { manifest.map { $0.denies(endorser.name) } ?? true }

    public func denyList() async throws -> DenyList {
        try await catchUp()
        return denies
    }

    public var denyListMark: [UInt8] { manifest?.denialMark ?? [] }

    public var denyListState: Int64 { manifest?.state ?? 0 }
}

extension ReadingStore {
    /// Checks one denial, for ``manifestViolations(limit:)``.
    func lookAtDenial(_ name: String) async throws {
        guard let endorser = Endorser(name: name) else {
            throw ManifestViolation.row(.absent(.denial, name))
        }
        let read = Read(
            "SELECT reason, actor, denied, \(SealColumns.columns) FROM denials \(SealColumns.join) WHERE name = ?1",
            [.text(name)]
        ) { row in
            let denial = try Denial(endorser, row, from: 0)
            return try row.deciding(denial, ManifestEntry(denial), seal: 3)
        }
        guard try await genuine(read) == nil, denies(endorser) else { return }
        throw ManifestViolation.row(.absent(.denial, name))
    }
}

enum DenialReads {
    /// The names of denials in the table and in the manifest.
    static func names(after name: String) -> Read<String> {
        Read(
            """
            SELECT name FROM manifest WHERE kind = '\(ManifestEntry.Kind.denial.rawValue)' AND length(digest) > 0
                AND name > ?1
            UNION SELECT name FROM denials WHERE name > ?1 ORDER BY name LIMIT 500
            """, [.text(name)], .scan
        ) { try $0.text(0) }
    }

    /// The manifest's lines of denials.
    static let lines = Read(
        "SELECT name, digest FROM manifest WHERE kind = '\(ManifestEntry.Kind.denial.rawValue)' AND length(digest) > 0"
    ) { ManifestEntry(.denial, try $0.text(0), digest: try $0.bytes(1)) }

    static let entries = Read("SELECT name, reason, actor, denied FROM denials") { row -> ManifestEntry? in
        guard let endorser = Endorser(name: try row.text(0)) else { return nil }
        return ManifestEntry(try Denial(endorser, row, from: 1))
    }

    /// The state in which denials were changed last, if that was after a given one.
    static func lastChange(after state: Int64) -> Read<Int64> {
        Read(lastChange, [.integer(state)]) { try $0.integer(0) }
    }

    /// By state: hardly any line is that late, and SQLite would go through all denials.
    private static let lastChange = SQLText(
        sqlite: "SELECT state FROM manifest INDEXED BY manifest_by_state \(isLater)",
        postgreSQL: SQLText("SELECT state FROM manifest \(isLater)").postgreSQL)
    private static let isLater = """
        WHERE state > ?1 AND kind = '\(ManifestEntry.Kind.denial.rawValue)' ORDER BY state DESC LIMIT 1
        """

    /// Whether the manifest's table has a denial. Not proven: the line may be an attacker's; its removal is sealed all
    /// the same.
    fileprivate static func isListed(_ endorser: Endorser) -> Read<Bool> {
        Read(
            "SELECT 1 FROM manifest WHERE kind = ?1 AND name = ?2 AND length(digest) > 0",
            [.text(ManifestEntry.Kind.denial.rawValue), .text(endorser.name)]
        ) { _ in true }
    }
}

extension Denial {
    /// From the columns reason, actor and denied, beginning at `column`.
    fileprivate init(_ endorser: Endorser, _ row: any StoredRow, from column: Int) throws {
        self.init(
            endorser, reason: try row.text(column), actor: try row.text(column + 1), time: try row.date(column + 2))
    }
}

extension ManifestEntry {
    init(_ denial: Denial) {
        self.init(
            .denial, denial.endorser.name,
            saying: [.text(denial.reason), .text(denial.actor), .number(denial.time.seconds)])
    }
}

extension WritingStore {
    public func deny(_ denial: Denial, recording record: AuditRecord) async throws {
        try await decide { change in
            try change.takeTurn(at: denial.endorser.name)
            try change.execute(
                """
                INSERT INTO denials (name, reason, actor, denied) VALUES (?1, ?2, ?3, ?4) ON CONFLICT (name)
                    DO UPDATE SET reason = excluded.reason, actor = excluded.actor, denied = excluded.denied
                """, [.text(denial.endorser.name), .text(denial.reason), .text(denial.actor), .time(denial.time)])
            try change.list([ManifestEntry(denial)])
            try change.append(record)
        }
    }

    public func allow(_ endorser: Endorser, recording record: AuditRecord) async throws -> Bool {
        try await decide { change in
            // Without a row there is nothing else to lock: a denial that is made meanwhile would be listed as absent.
            try change.takeTurn(at: endorser.name)
            let isListed = try change.first(DenialReads.isListed(endorser)) != nil
            let removed = try change.execute("DELETE FROM denials WHERE name = ?1", [.text(endorser.name)])
            // Also when the row is missing: an attacker may have hidden it.
            try change.list([.absent(.denial, endorser.name)])
            guard isListed || removed > 0 else { return false }
            try change.append(record)
            return true
        }
    }
}
