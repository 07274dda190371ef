public import Broker
import FoundationEssentials

/// Everything that decides, held against the manifest: for an operator who asks whether somebody else wrote to the
/// database. Guests' requests look at what they use.
extension ReadingStore {
    /// - Parameter limit: of how many are named.
    /// - Returns: what is not as a key broker left it.
    public func manifestViolations(limit: Int) async throws -> [String] {
        guard manifest != nil else { throw NoManifest() }
        var found: [String] = []
        func look(_ body: () async throws -> Void) async throws {
            guard found.count < limit else { return }
            do { try await body() } catch let violation as ManifestViolation {
                found.append(violation.description)
            } catch let error where !(error is CancellationError || (error as? Refusal)?.code == .unavailable) {
                // A row that cannot even be read is nobody's that wrote it here.
                found.append("A row cannot be read: \(error).")
            }
        }
        try await look { try await catchUp() }
        // Nothing can be held against a manifest that is none.
        guard found.isEmpty else { return found }
        for kind in ManifestCheck.Rows.allCases {
            var last = ""
            while case let names = try await rows(kind.names(after: last)), let end = names.last {
                for name in names { try await look { try await self.look(at: name, kind) } }
                last = end
            }
            let (listed, count) = (try await first(kind.listed) ?? 0, try await first(kind.count) ?? 0)
            if listed > count {
                found.append("\(listed - count) \(kind.rawValue) are gone that no key broker removed.")
            }
        }
        return Array(found.prefix(limit))
    }

    private func look(at name: String, _ kind: ManifestCheck.Rows) async throws {
        switch kind {
        case .workloads: _ = try await workload(try WorkloadID(name))
        case .policies:
            _ = try await policy(try PolicyName(name))
            _ = try await policyInForce(try PolicyName(name))
        case .references: _ = try await references(try PolicyName(name))
        case .tokens: _ = try await token(name)
        case .resources:
            let path = try ResourcePath(name)
            _ = try await resource(path)
            _ = try await versions(of: path)
        case .denials: try await lookAtDenial(name)
        }
    }
}

enum ManifestCheck {
    enum Rows: String, CaseIterable {
        // Of many violations only the first are named, and a denial that has gone lets somebody in.
        case denials
        case workloads, policies
        case references = "reference_values"
        case tokens, resources

        private var key: String {
            switch self {
            case .workloads, .tokens: "id"
            case .policies, .references, .denials: "name"
            case .resources: "path"
            }
        }

        private var kind: ManifestEntry.Kind {
            switch self {
            case .workloads: .workload
            case .policies: .policy
            case .references: .references
            case .tokens: .token
            case .resources: .resource
            case .denials: .denial
            }
        }

        func names(after name: String) -> Read<String> {
            // What is denied is said by the manifest, also of a row that has gone.
            if self == .denials { return DenialReads.names(after: name) }
            return Read(
                "SELECT \(key) FROM \(rawValue) WHERE \(key) > ?1 ORDER BY \(key) LIMIT 500",
                [.text(name)], .scan
            ) { try $0.text(0) }
        }

        var count: Read<Int> { Read("SELECT count(*) FROM \(rawValue)", [], .scan) { try $0.int(0) } }

        var listed: Read<Int> {
            Read(
                "SELECT count(*) FROM manifest WHERE kind = ?1 AND length(digest) > 0", [.text(kind.rawValue)], .scan
            ) { try $0.int(0) }
        }
    }
}

extension DecidingTransaction {
    /// Makes a new manifest of all rows as they are, whoever wrote them.
    func relist(_ manifest: Manifest) throws {
        var entries = try rows(Read("\(WorkloadReads.select)") { ManifestEntry(try Workload(row: $0)) })
        for name in try rows(Read("SELECT name FROM policies") { try PolicyName($0.text(0)) }) {
            entries += try rows(PolicyReads.ruleEntry(of: name))
            entries += try rows(PolicyReads.documentEntry(of: name))
        }
        entries += try rows(
            Read("SELECT \(ReferenceColumns.list) FROM reference_values") {
                ManifestEntry(try ReferenceColumns($0, from: 0))
            })
        entries += try rows(
            Read("SELECT name, provenance FROM reference_values") {
                ManifestEntry(try $0.text(0), provenance: try $0.text(1))
            })
        for id in try rows(Read("SELECT id FROM tokens") { try $0.text(0) }) {
            entries += try rows(TokenReads.token(id)).map { ManifestEntry($0) }
        }
        for path in try rows(Read("SELECT path FROM resources") { try ResourcePath($0.text(0)) }) {
            entries += try rows(ResourceReads.resource(path)).map { ManifestEntry($0) }
            entries.append(ManifestEntry(try rows(ResourceReads.versions(of: path)), of: path))
        }
        entries += try rows(DenialReads.entries).compactMap(\.self)
        // What is denied stays so when somebody has removed its row: only `allow` takes a denial back.
        let named = Set(entries.lazy.filter { $0.kind == .denial }.map(\.name))
        entries += try rows(DenialReads.lines).filter { !named.contains($0.name) }
        // Servers at work know of a state, and take no earlier one.
        let states = Read(
            "SELECT max(state) FROM (SELECT state FROM manifest UNION ALL SELECT state FROM manifest_seal) s"
        ) {
            try $0.optionalInteger(0) ?? 0
        }
        let seal = try manifest.seal(of: entries, after: try first(states) ?? 0)
        // What is no longer there stays as a line without a digest: servers at work read what has changed.
        try execute("UPDATE manifest SET digest = ?1, state = ?2", [.bytes([]), .integer(seal.state)])
        for entry in entries { try write(entry, state: seal.state) }
        try put(seal)
    }
}

extension SQLiteStore {
    /// Believes all rows that decide as they are, on an operator's word.
    public func acceptRows(recording record: AuditRecord) async throws {
        try await changeUnchecked { change in
            guard let manifest = change.manifest else { throw NoManifest() }
            try change.relist(manifest)
            try change.append(record)
        }
    }
}

extension PostgreSQLStore {
    public func acceptRows(recording record: AuditRecord) async throws {
        try await change(takesLong: true) { [manifest] transaction in
            guard let manifest else { throw NoManifest() }
            for table in ["workloads", "policies", "reference_values", "tokens", "resources", "denials", "manifest"] {
                try transaction.run("LOCK TABLE \(table) IN SHARE ROW EXCLUSIVE MODE")
            }
            try transaction.run("LOCK TABLE manifest_seal IN SHARE ROW EXCLUSIVE MODE")
            try transaction.relist(manifest)
            transaction.append(record)
        }
    }
}
