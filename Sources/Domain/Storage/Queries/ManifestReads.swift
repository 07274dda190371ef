public import Broker
import Bytes
import FoundationEssentials

/// A row that decides, with what the manifest must say of it, all of one moment.
struct Deciding<Value: Sendable>: Sendable {
    let value: Value
    let entries: [ManifestEntry]
    let seal: ManifestSeal?
}

/// The store was opened without a master key, and can neither tell a genuine row that decides nor write one.
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

    /// Nothing for what is not bound: bytes are told from all else.
    private static func parts(of binding: HostDataBinding?) -> [Part] { binding.map { [.bytes($0.bytes)] } ?? [] }

    /// What is listed when there is no resource.
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
    /// From the columns state, sealed, master_key of `manifest_seal`, which may not be there.
    func seal(_ column: Int) throws -> ManifestSeal? {
        guard let state = try optionalInteger(column) else { return nil }
        return ManifestSeal(
            state: state, sealed: Sealed(bytes: try bytes(column + 1), masterKey: try text(column + 2)))
    }

    /// From the same columns, the first of the row.
    func presentSeal() throws -> ManifestSeal {
        guard let seal = try seal(0) else { throw UnexpectedAnswer(description: "the manifest's seal has no state") }
        return seal
    }

    /// - Parameter column: the first of the seal's.
    func deciding<Value>(_ value: Value, _ entries: ManifestEntry..., seal column: Int) throws -> Deciding<Value> {
        Deciding(value: value, entries: entries, seal: try seal(column))
    }
}

/// The manifest's seal, for statements that read rows that decide.
enum SealColumns {
    static let columns = "z.state, z.sealed, z.master_key"
    static let join = "LEFT JOIN manifest_seal z ON z.one = 1"
}

extension ReadingStore {
    /// Learns what is listed now: before a transaction, so that little is left to read in it.
    func catchUp() async throws {
        guard let manifest else { throw NoManifest() }
        for _ in 0..<ManifestReads.most {
            let least = manifest.least
            let seal = try await manifestSeal()
            if try await manifest.confirms([], under: seal, atLeast: least, readingFrom: self) { return }
        }
        throw Refusal.isBeingChanged
    }

    /// What a row says, if it says what the manifest lists.
    ///
    /// - Throws: ``ManifestViolation`` when it does not.
    func genuine<Value>(_ read: Read<Deciding<Value>>) async throws -> Value? {
        try await genuine { try await self.first(read) }
    }

    func genuine<Value: Sendable>(_ fetch: () async throws -> Deciding<Value>?) async throws -> Value? {
        guard let manifest else { throw NoManifest() }
        // Somebody may change it again and again meanwhile.
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
        .unavailable, "What decides is being changed all the time: try again.", retryAfter: 1)
}

enum ManifestReads {
    /// How often a row is read that others change meanwhile.
    fileprivate static let most = 50

    static let seal = Read("SELECT state, sealed, master_key FROM manifest_seal") { try $0.presentSeal() }

    static func row(_ row: any StoredRow) throws -> ManifestRow {
        ManifestRow(kind: try row.text(0), name: try row.text(1), digest: try row.bytes(2), state: try row.integer(3))
    }

    static let all = Read("SELECT kind, name, digest, state FROM manifest ORDER BY kind, name", [], .scan, row)

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

/// A transaction that changes rows that decide.
protocol DecidingTransaction: ReadingTransaction {
    /// - Returns: how many rows it changed.
    @discardableResult
    func execute(_ text: SQLText, _ values: [Value]) throws -> Int

    var manifest: Manifest? { get }

    /// Nobody retires the key before the end of the transaction.
    func isRetired(_ masterKey: String) throws -> Bool

    /// What was listed in this transaction, and is not in the table yet.
    var pending: [ManifestEntry] { get }

    /// Has the manifest list what a row says from now on, with this transaction.
    func list(_ entries: [ManifestEntry]) throws
}

extension DecidingTransaction {
    /// What a change begins from, if it is as the manifest has it: or the change would make good what somebody else wrote.
    ///
    /// - Parameter entries: what the manifest must say of it; of `nil`, that there is none.
    /// - Throws: ``ManifestViolation`` when it says something else.
    func genuine<Value>(_ read: Read<Value>, _ entries: (Value?) throws -> [ManifestEntry]) throws -> Value? {
        var wrong: ManifestEntry?
        // Another server may change it between two statements, which then do not fit.
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

    /// Writes what a transaction lists. Others must be kept from the seal until the end of the transaction.
    ///
    /// - Returns: the state that it makes, if it changes anything.
    func write(_ entries: [ManifestEntry]) throws -> Int64? {
        guard let manifest else { throw NoManifest() }
        // Of a row that is listed twice, the last word counts.
        var last: [ManifestEntry.Kind: [ExactText: ManifestEntry]] = [:]
        for entry in entries { last[entry.kind, default: [:]][ExactText(entry.name)] = entry }
        let entries = last.values.flatMap(\.values)
        guard let (next, changed) = try manifest.advance(try listed(entries), to: entries) else { return nil }
        guard try !isRetired(next.sealed.masterKey) else { throw KeyRingError.retired(next.sealed.masterKey) }
        for entry in changed { try write(entry, state: next.state) }
        try put(next)
        return next.state
    }

    func write(_ entry: ManifestEntry, state: Int64) throws {
        try execute(
            """
            INSERT INTO manifest (kind, name, digest, state) VALUES (?1, ?2, ?3, ?4)
            ON CONFLICT (kind, name) DO UPDATE SET digest = excluded.digest, state = excluded.state
            """, [.text(entry.kind.rawValue), .text(entry.name), .bytes(entry.digest), .integer(state)])
    }

    func put(_ seal: ManifestSeal) throws {
        try execute(
            """
            INSERT INTO manifest_seal (one, state, sealed, master_key) VALUES (1, ?1, ?2, ?3)
            ON CONFLICT (one) DO UPDATE SET state = excluded.state, sealed = excluded.sealed,
                master_key = excluded.master_key
            """, [.integer(seal.state), .bytes(seal.sealed.bytes), .text(seal.sealed.masterKey)])
    }

    /// Seals all that is listed under a new key.
    func renew(_ manifest: Manifest) throws {
        guard let old = try first(ManifestReads.seal) else { return }
        let new = try manifest.renew(old, of: try rows(ManifestReads.all))
        guard try first(KeyReads.isActive(new.sealed.masterKey)) != nil else { return }
        try put(new)
    }
}
