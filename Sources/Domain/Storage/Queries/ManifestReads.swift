public import Broker
import Bytes
import FoundationEssentials

/// A row that decides, with the entries that the manifest must have for it and the seal, read at one moment.
struct ManifestedRow<Value: Sendable>: Sendable {
    let value: Value
    let entries: [ManifestEntry]
    let seal: ManifestSeal?
}

/// The store was opened without a master key: it can neither verify nor write rows that decide.
struct NoManifest: Error, CustomStringConvertible {
    let description = "the database was opened without its master key"
}

extension ManifestEntry {
    init(_ policy: PolicyName, rules: String, revision: Int64) {
        self.init(.policy, policy.text, saying: [.text(rules), .number(revision)])
    }

    init(_ policy: PolicyName, document: String) { self.init(.document, policy.text, saying: [.text(document)]) }

    init(_ references: ReferenceColumns) {
        self.init(
            .references, references.name,
            saying: [
                .text(references.kind), .bytes(references.digests), .bytes(references.periods),
                .text(references.supersededBy), .text(references.source), .number(references.revision),
            ])
    }

    init(_ references: String, provenance: String) {
        self.init(.provenance, references, saying: [.text(provenance)])
    }

    init(_ token: AccessToken) {
        self.init(
            .token, token.id,
            saying: [
                .bytes(token.digest), .text(token.role.description), .text(token.description),
                .number(token.created.seconds), .number(token.expires.seconds), .number(token.revoked?.seconds),
            ])
    }

    init(_ workload: Workload) {
        self.init(
            .workload, workload.id.text,
            saying: [
                .number(workload.row), .text(workload.launch.technology), .bytes(workload.launch.measurement ?? []),
                .number(workload.launch.guestPolicyColumn), .text(workload.launch.policyName?.text),
                .text(workload.configuration),
                .number(workload.registered.seconds), .number(workload.isDisabled ? 1 : 0),
            ])
    }

    init(_ resource: Resource) {
        self.init(
            .resource, resource.path.text,
            saying: [
                .number(resource.row), .text(resource.policy?.text), .number(Int64(resource.current.number)),
                .number(Int64(resource.latest)), .number(resource.change), .number(resource.isDisabled ? 1 : 0),
            ] + Self.parts(of: resource.current.binding))
    }

    /// Empty for a version without a binding. Bytes are tagged, so that they are distinct from the other parts.
    private static func parts(of binding: HostDataBinding?) -> [Part] { binding.map { [.bytes($0.bytes)] } ?? [] }

    /// The entries of a resource that does not exist.
    static func absent(_ path: ResourcePath) -> [ManifestEntry] {
        [.absent(.resource, path.text), .absent(.versions, path.text)]
    }

    init(_ versions: [Resource.Version], of path: ResourcePath) {
        self.init(
            .versions, path.text,
            saying: versions.flatMap {
                [.number(Int64($0.number)), .text($0.policy?.text)] as [Part] + Self.parts(of: $0.binding)
            })
    }
}

extension StoredRow {
    /// From the columns state, sealed, master_key of `manifest_seal`; `nil` when it has no row.
    func seal(_ column: Int) throws -> ManifestSeal? {
        guard let state = try optionalInteger(column) else { return nil }
        return ManifestSeal(
            state: state, sealed: Sealed(bytes: try bytes(column + 1), masterKey: try text(column + 2)))
    }

    /// From the same columns, at the beginning of the row.
    func presentSeal() throws -> ManifestSeal {
        guard let seal = try seal(0) else { throw UnexpectedAnswer(description: "the manifest's seal has no state") }
        return seal
    }

    /// - Parameter column: the first column of the seal.
    func deciding<Value>(_ value: Value, _ entries: ManifestEntry..., seal column: Int) throws -> ManifestedRow<Value> {
        ManifestedRow(value: value, entries: entries, seal: try seal(column))
    }
}

/// The columns of the manifest's seal, for statements that read rows that decide.
enum SealColumns {
    static let columns = "z.state, z.sealed, z.master_key"
    static let join = "LEFT JOIN manifest_seal z ON z.one = 1"
}

extension ReadingStore {
    /// Reads the manifest's changes: before a transaction, so that little is left to read within it.
    public func catchUp() async throws {
        guard let manifest else { throw NoManifest() }
        for _ in 0..<ManifestReads.most {
            let least = manifest.least
            let seal = try await manifestSeal()
            if try await manifest.confirms([], under: seal, atLeast: least, readingFrom: self) { return }
        }
        throw Refusal.isBeingChanged
    }

    /// A row's value, once the row agrees with the manifest.
    ///
    /// - Throws: ``ManifestViolation`` when it does not.
    func genuine<Value>(_ read: Read<ManifestedRow<Value>>) async throws -> Value? {
        try await genuine { try await self.first(read) }
    }

    func genuine<Value: Sendable>(_ fetch: () async throws -> ManifestedRow<Value>?) async throws -> Value? {
        guard let manifest else { throw NoManifest() }
        // The row may change during each attempt.
        for _ in 0..<ManifestReads.most {
            let least = manifest.least
            guard let found = try await fetch() else { return nil }
            if try await manifest.confirms(found.entries, under: found.seal, atLeast: least, readingFrom: self) {
                return found.value
            }
        }
        throw Refusal.isBeingChanged
    }
}

extension ReadingStore {
    public func manifestSeal() async throws -> ManifestSeal? { try await first(ManifestReads.seal) }

    public func manifestRows(after row: ManifestRow, limit: Int) async throws -> [ManifestRow] {
        try await rows(ManifestReads.page(after: row, limit: limit))
    }
}

extension Refusal {
    fileprivate static let isBeingChanged = Refusal(
        .unavailable, "Policies, registrations or tokens are being changed all the time: try again.", retryAfter: 1)
}

enum ManifestReads {
    /// The most reads of a row that changes meanwhile.
    fileprivate static let most = 50

    static let seal = Read("SELECT state, sealed, master_key FROM manifest_seal") { try $0.presentSeal() }

    static func row(_ row: any StoredRow) throws -> ManifestRow {
        ManifestRow(kind: try row.text(0), name: try row.text(1), digest: try row.bytes(2), state: try row.integer(3))
    }

    static func page(after last: ManifestRow, limit: Int) -> Read<ManifestRow> {
        Read(
            page, [.integer(last.state), .text(last.kind), .text(last.name), .integer(limit)],
            limit > 100 ? .large : .lookup, row)
    }

    private static let page: SQLText = """
        SELECT kind, name, digest, state FROM manifest
        WHERE (state, kind, name) > (?1, ?2, ?3) ORDER BY state, kind, name LIMIT ?4
        """
}

extension ManifestedTransaction {
    /// Reads the row that a change starts from, and checks it: otherwise the change would adopt what an attacker wrote.
    ///
    /// - Parameter entries: makes the entries that the manifest must have for the row, or for its absence.
    /// - Throws: ``ManifestViolation`` when it has others.
    func genuine<Value>(_ read: Read<Value>, _ entries: (Value?) throws -> [ManifestEntry]) throws -> Value? {
        var wrong: ManifestEntry?
        // Another server may change the row between two statements, which then disagree.
        for _ in 0..<3 {
            let found = try first(read)
            let wanted = try entries(found)
            let listed = try listed(wanted)
            wrong = wanted.first { entry in
                let pending = pending.last {
                    $0.kind == entry.kind && ExactText($0.name) == ExactText(entry.name)
                }
                return pending.map { $0.digest != entry.digest } ?? !listed.has(entry)
            }
            if wrong == nil { return found }
        }
        guard let wrong else { return nil }
        throw ManifestViolation.row(wrong)
    }

    private func listed(_ entries: [ManifestEntry]) throws -> Manifest.Listed {
        guard let manifest else { throw NoManifest() }
        return try manifest.listed(entries, seal: { try first(ManifestReads.seal) }) { last, limit in
            try rows(ManifestReads.page(after: last, limit: limit))
        }
    }

    /// Writes a transaction's entries. The caller holds the seal's lock until the end of the transaction.
    ///
    /// - Returns: the manifest's new state; `nil` when nothing changes.
    func write(_ entries: [ManifestEntry]) throws -> Int64? {
        guard let manifest else { throw NoManifest() }
        // The last entry of a row counts.
        var last: [ManifestEntry.Kind: [ExactText: ManifestEntry]] = [:]
        for entry in entries { last[entry.kind, default: [:]][ExactText(entry.name)] = entry }
        let entries = last.values.flatMap(\.values)
        guard let (next, changed) = try manifest.advance(try listed(entries), to: entries) else { return nil }
        guard try !isRetired(next.sealed.masterKey) else { throw KeyRingError.retired(next.sealed.masterKey) }
        try write(changed, state: next.state)
        try put(next)
        return next.state
    }

    func put(_ seal: ManifestSeal) throws {
        try execute(
            """
            INSERT INTO manifest_seal (one, state, sealed, master_key) VALUES (1, ?1, ?2, ?3)
            ON CONFLICT (one) DO UPDATE SET state = excluded.state, sealed = excluded.sealed,
                master_key = excluded.master_key
            """, [.integer(seal.state), .bytes(seal.sealed.bytes), .text(seal.sealed.masterKey)])
    }

    /// Seals the list with a new key, under the active master key, and drops the lines of removed rows: a row without a
    /// line is refused like one whose line has no digest.
    func renew(_ manifest: Manifest, _ renewal: Manifest.Renewal) throws {
        guard let old = try first(ManifestReads.seal) else { return }
        let new = try manifest.renew(renewal, old) { try rows(ManifestReads.page(after: $0, limit: $1)) }
        guard try first(KeyReads.isActive(new.sealed.masterKey)) != nil else { return }
        try execute("DELETE FROM manifest WHERE length(digest) = 0", [])
        try put(new)
    }
}
