public import Broker
import FoundationEssentials

extension ReadingStore {
    public func policy(_ name: PolicyName) async throws -> StoredPolicy? {
        try await genuine(
            Read(
                """
                SELECT rules, document, revision, changed, \(SealColumns.columns)
                FROM policies \(SealColumns.join) WHERE name = ?1
                """, [.text(name.text)]
            ) { row in
                let stored = try StoredPolicy(row: row)
                return try row.deciding(
                    stored, ManifestEntry(name, rules: row.text(0), revision: stored.revision.number),
                    ManifestEntry(name, document: stored.document), seal: 4)
            })
    }

    public func policies(after name: String, limit: Int) async throws -> [StoredPolicy] {
        try await rows(
            Read(
                "SELECT rules, document, revision, changed FROM policies WHERE name > ?1 ORDER BY name LIMIT ?2",
                [.text(name), .integer(limit)], .scan
            ) { try StoredPolicy(row: $0) })
    }

    public func policyNames(after name: String, limit: Int) async throws -> [String] {
        try await rows(
            Read(
                "SELECT name FROM policies WHERE name > ?1 ORDER BY name LIMIT ?2",
                [.text(name), .integer(limit)], .scan
            ) { try $0.text(0) })
    }

    public func policyInForce(_ name: PolicyName) async throws -> PolicyInForce? {
        let found: [PolicyReads.RowInForce]? = try await genuine {
            // One statement sees one state of the database.
            let rows = try await self.rows(PolicyReads.inForce(name))
            return rows.first.map { first in
                ManifestedRow(
                    value: rows,
                    entries: [first.entry(of: name)] + rows.compactMap(\.references).map { ManifestEntry($0) },
                    seal: first.seal)
            }
        }
        guard let found, let first = found.first else { return nil }
        let columns = found.compactMap(\.references)
        let (policy, sets) = try UnusableRow.naming("the policy \(name)") {
            (try rules.policy(first.rules), try columns.map { try ReferenceValueSet($0) })
        }
        // The rules decide which sets a policy names; the table `policy_references` only finds them.
        guard Set(sets.map(\.name)) == Set(policy.referenceNames) else {
            throw ManifestViolation.row(first.entry(of: name))
        }
        return PolicyInForce(
            policy: policy, references: Dictionary(sets.map { ($0.name, $0) }) { $1 },
            stamp: PolicyInForce.Stamp(
                policy: Revision(first.revision), references: columns.map { Revision($0.revision) }))
    }

    public func referencesInForce(_ name: PolicyName) async throws -> ReferenceValueSet? {
        let columns = try await genuine(
            Read(
                """
                SELECT \(ReferenceColumns.list), \(SealColumns.columns)
                FROM reference_values \(SealColumns.join) WHERE name = ?1
                """, [.text(name.text)]
            ) { row in
                let columns = try ReferenceColumns(row, from: 0)
                return try row.deciding(columns, ManifestEntry(columns), seal: 7)
            })
        return try columns.map { columns in
            try UnusableRow.naming("the reference values \(name)") { try ReferenceValueSet(columns) }
        }
    }

    public func references(_ name: PolicyName) async throws -> StoredReferenceValues? {
        try await genuine(
            Read(
                """
                SELECT \(ReferenceColumns.list), changed, provenance, \(SealColumns.columns)
                FROM reference_values \(SealColumns.join) WHERE name = ?1
                """, [.text(name.text)]
            ) { row in
                let (columns, provenance) = (try ReferenceColumns(row, from: 0), try row.text(8))
                return try row.deciding(
                    try StoredReferenceValues(row: row, provenance: provenance), ManifestEntry(columns),
                    ManifestEntry(columns.name, provenance: provenance), seal: 9)
            })
    }

    public func referenceHistory(
        _ name: PolicyName, before revision: Revision, limit: Int
    ) async throws -> [StoredReferenceChange] {
        try await rows(
            Read(
                """
                SELECT revision, time, actor, change FROM reference_history WHERE name = ?1 AND revision < ?2
                ORDER BY revision DESC LIMIT ?3
                """, [.text(name.text), .integer(revision.number), .integer(limit)], .scan
            ) { row in
                StoredReferenceChange(
                    try ReferenceChange(
                        name: name, time: try row.date(1), actor: try row.text(2), json: try row.text(3)),
                    Revision(try row.integer(0)))
            })
    }

    public func references(after name: String, limit: Int) async throws -> [StoredReferenceValues] {
        try await rows(
            Read(
                "SELECT \(ReferenceColumns.list), changed FROM reference_values WHERE name > ?1 ORDER BY name LIMIT ?2",
                [.text(name), .integer(limit)], .scan
            ) { try StoredReferenceValues(row: $0) })
    }

    public func referenceNames(
        of kind: ReferenceValueSet.Kind, after name: String, limit: Int
    ) async throws -> [String] {
        try await rows(
            Read(
                "SELECT name FROM reference_values WHERE name > ?1 AND kind = ?2 ORDER BY name LIMIT ?3",
                [.text(name), .text(kind.rawValue), .integer(limit)], .scan
            ) { try $0.text(0) })
    }
}

enum PolicyReads {
    struct RowInForce: Sendable {
        let rules: String
        let revision: Int64
        let references: ReferenceColumns?
        let seal: ManifestSeal?

        func entry(of policy: PolicyName) -> ManifestEntry { ManifestEntry(policy, rules: rules, revision: revision) }
    }

    /// A policy's row, once for each set of reference values that it names.
    static func inForce(_ name: PolicyName) -> Read<RowInForce> {
        Read(inForce, [.text(name.text)]) { row in
            RowInForce(
                rules: try row.text(0), revision: try row.integer(1),
                references: try row.optionalText(2) == nil ? nil : ReferenceColumns(row, from: 2),
                seal: try row.seal(9))
        }
    }

    private static let inForce: SQLText = """
        SELECT p.rules, p.revision, r.name, r.kind, r.digests, r.periods, r.superseded_by, r.source, r.revision,
            \(SealColumns.columns)
        FROM policies p
        LEFT JOIN policy_references u ON u.policy = p.name
        LEFT JOIN reference_values r ON r.name = u.reference_values
        \(SealColumns.join)
        WHERE p.name = ?1 ORDER BY r.name
        """

    /// A table of rows with a name and a revision.
    enum Table: String {
        case policies
        case referenceValues = "reference_values"
    }

    static func revision(of name: String, in table: Table, lock: String = "") -> Read<Revision> {
        Read(SQLText("SELECT revision FROM \(table.rawValue) WHERE name = ?1", lock: lock), [.text(name)]) {
            Revision(try $0.integer(0))
        }
    }

    static func ruleEntry(of name: PolicyName) -> Read<ManifestEntry> {
        Read("SELECT rules, revision FROM policies WHERE name = ?1", [.text(name.text)]) { row in
            ManifestEntry(name, rules: try row.text(0), revision: try row.integer(1))
        }
    }

    /// The two entries of each policy.
    static let entries = Read("SELECT name, rules, revision, document FROM policies") { row in
        let name = try PolicyName(row.text(0))
        return [
            ManifestEntry(name, rules: try row.text(1), revision: try row.integer(2)),
            ManifestEntry(name, document: try row.text(3)),
        ]
    }

    static func documentEntry(of name: PolicyName) -> Read<ManifestEntry> {
        Read("SELECT document FROM policies WHERE name = ?1", [.text(name.text)]) {
            ManifestEntry(name, document: try $0.text(0))
        }
    }
}

/// The columns of a set of reference values.
struct ReferenceColumns: Sendable {
    let name: String
    let kind: String
    /// ``ReferenceValueSet/valuesColumn``.
    let digests: [UInt8]
    /// ``ReferenceValueSet/periodsColumn``.
    let periods: [UInt8]
    let supersededBy: String?
    let source: String
    let revision: Int64

    static let list = "name, kind, digests, periods, superseded_by, source, revision"

    /// From the columns of ``list``, beginning at `column`.
    init(_ row: any StoredRow, from column: Int) throws {
        name = try row.text(column)
        kind = try row.text(column + 1)
        digests = try row.bytes(column + 2)
        periods = try row.bytes(column + 3)
        supersededBy = try row.optionalText(column + 4)
        source = try row.text(column + 5)
        revision = try row.integer(column + 6)
    }

    init(_ set: ReferenceValueSet, _ revision: Revision) {
        name = set.name.text
        kind = set.kind.rawValue
        digests = set.valuesColumn
        periods = set.periodsColumn
        supersededBy = set.supersededBy?.text
        source = set.source
        self.revision = revision.number
    }
}

extension StoredPolicy {
    /// From the columns rules, document, revision, changed.
    fileprivate init(row: any StoredRow) throws {
        self.init(
            policy: try Policy(json: row.text(0)), document: try row.text(1),
            revision: Revision(try row.integer(2)), changed: try row.date(3))
    }
}

extension StoredReferenceValues {
    /// From the columns of ``ReferenceColumns``, and changed.
    ///
    /// - Parameter provenance: the column; `nil` where it was not read.
    fileprivate init(row: any StoredRow, provenance: String? = nil) throws {
        let columns = try ReferenceColumns(row, from: 0)
        var set = try ReferenceValueSet(columns)
        if let provenance { set = try set.reading(provenance: provenance) }
        self.init(set: set, revision: Revision(columns.revision), changed: try row.date(7))
    }
}

extension PolicyReads {
    /// The revisions of the sets that a policy names, ordered by their names.
    static func referenceRevisions(of name: PolicyName) -> Read<Revision> {
        Read(referenceRevisions, [.text(name.text)]) { Revision(try $0.integer(0)) }
    }

    private static let referenceRevisions: SQLText = """
        SELECT r.revision FROM policy_references u JOIN reference_values r ON r.name = u.reference_values
        WHERE u.policy = ?1 ORDER BY r.name
        """
}
