import Broker
import FoundationEssentials

/// Compares all rows that decide with the manifest, for an operator who suspects that the database was tampered with.
/// Requests of guests check only the rows that they use.
extension ReadingStore {
    /// - Parameter limit: the most violations returned.
    /// - Returns: descriptions of the rows that differ from the manifest.
    public func manifestViolations(limit: Int) async throws -> [String] {
        guard manifest != nil else { throw NoManifest() }
        var found: [String] = []
        func look(_ body: () async throws -> Void) async throws {
            guard found.count < limit else { return }
            do { try await body() } catch let violation as ManifestViolation {
                found.append(violation.description)
            } catch let error where !(error is CancellationError || (error as? Refusal)?.code == .unavailable) {
                // A row that cannot be decoded was not written by this program.
                found.append("A row cannot be read: \(error).")
            }
        }
        try await look { try await catchUp() }
        // Without a valid manifest there is nothing to compare with.
        guard found.isEmpty else { return found }
        for kind in ManifestCheck.Rows.allCases {
            var last = ""
            while case let names = try await rows(kind.names(after: last)), let end = names.last {
                for name in names { try await look { try await self.look(at: name, kind) } }
                last = end
            }
            let (listed, count) = (try await first(kind.listed) ?? 0, try await first(kind.count) ?? 0)
            if listed > count {
                found.append("\(listed - count) \(kind.rawValue) are missing that no key broker removed.")
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
            _ = try await genuine {
                let found = try await self.rows(ResourceReads.versionsWithSeal(of: path))
                return found.first.map { first in
                    let versions = found.compactMap(\.version)
                    return ManifestedRow(
                        value: versions, entries: [ManifestEntry(versions, of: path)], seal: first.seal)
                }
            }
        case .denials: try await lookAtDenial(name)
        }
    }
}

enum ManifestCheck {
    enum Rows: String, CaseIterable {
        // First, since only the first violations are named, and a missing denial lets a denied endorser in.
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
            // From the manifest too: it has denials whose row is missing.
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

extension ManifestedTransaction {
    /// Seals a new manifest of all rows as they are.
    func relist(_ manifest: Manifest) throws {
        var entries = try rows(Read("\(WorkloadReads.select)") { ManifestEntry(try Workload(row: $0)) })
        entries += try rows(PolicyReads.entries).flatMap(\.self)
        entries += try rows(
            Read("SELECT \(ReferenceColumns.list) FROM reference_values") {
                ManifestEntry(try ReferenceColumns($0, from: 0))
            })
        entries += try rows(
            Read("SELECT name, provenance FROM reference_values") {
                ManifestEntry(try $0.text(0), provenance: try $0.text(1))
            })
        entries += try rows(TokenReads.entries)
        entries += try rows(ResourceReads.entries)
        var versions: [ResourcePath: [Resource.Version]] = [:]
        for (path, version) in try rows(ResourceReads.allVersions) {
            versions[path, default: []] += [version].compactMap(\.self)
        }
        entries += versions.map { ManifestEntry($1, of: $0) }
        entries += try rows(DenialReads.entries).compactMap(\.self)
        // A denial without its row stays: only `allow` withdraws one.
        let named = Set(entries.lazy.filter { $0.kind == .denial }.map(\.name))
        entries += try rows(DenialReads.lines).filter { !named.contains($0.name) }
        // Running servers know a state, and refuse earlier ones.
        let states = Read(
            "SELECT max(state) FROM (SELECT state FROM manifest UNION ALL SELECT state FROM manifest_seal) s"
        ) {
            try $0.optionalInteger(0) ?? 0
        }
        let seal = try manifest.seal(of: entries, after: try first(states) ?? 0)
        // A missing row keeps a line without a digest: running servers read only changed lines.
        try execute("UPDATE manifest SET digest = ?1, state = ?2", [.bytes([]), .integer(seal.state)])
        try write(entries, state: seal.state)
        try put(seal)
    }
}

extension WritingStore {
    /// Seals a manifest of all rows that decide as they are now, on an operator's word.
    public func acceptRows(recording record: AuditRecord) async throws {
        try await change(takesLong: true) { change in
            guard let manifest = change.manifest else { throw NoManifest() }
            // Every row is hashed.
            try change.allowPauses()
            for table in [
                "workloads", "policies", "reference_values", "tokens", "resources", "denials", "manifest",
                "manifest_seal",
            ] { try change.lock(table) }
            try change.relist(manifest)
            try change.append(record)
        }
    }
}
