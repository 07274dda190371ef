import Bytes
import Crypto

/// A line of the manifest: a row that decides over releases or access, and SHA-256 over its contents.
public struct ManifestEntry: Sendable, Hashable {
    public enum Kind: String, Sendable, CaseIterable {
        /// A policy's rules.
        case policy
        /// A policy's TOML document.
        case document
        /// A set of reference values: the values and their periods.
        case references
        /// The provenance of a set's values.
        case provenance
        case token
        /// A registration, and whether it is disabled.
        case workload
        /// A resource's policy, its current version and that version's binding, and whether the resource is disabled.
        case resource
        /// The policy and the binding of each stored version of a resource.
        case versions
        /// The denial of a chip or a key, with its reason.
        case denial
    }

    /// A column's value.
    public enum Part: Sendable {
        case number(Int64?)
        case text(String?)
        case bytes([UInt8])
    }

    public let kind: Kind
    public let name: String
    /// 32 bytes; empty for a row that must not exist.
    public let digest: [UInt8]

    public init(_ kind: Kind, _ name: String, digest: [UInt8]) {
        self.kind = kind
        self.name = name
        self.digest = digest
    }

    /// - Parameter parts: the columns that decide. Each is tagged and preceded by its length in the digest's input, so
    ///   that no two rows have the same input.
    public init(_ kind: Kind, _ name: String, saying parts: [Part]) {
        var bytes: [UInt8] = []
        bytes.reserveCapacity(256)
        func add(_ tag: UInt8, _ part: [UInt8]) {
            bytes.append(tag)
            bytes.append(lengthPrefixed: part)
        }
        for part in parts {
            switch part {
            case .number(nil), .text(nil): add(0, [])
            case .number(let number?): add(1, UInt64(bitPattern: number).bigEndianBytes)
            // PostgreSQL stores no U+0000: the broker writes U+FFFD in its place.
            case .text(let text?): add(2, text.utf8.contains(0) ? Self.withoutZeros(text) : Array(text.utf8))
            case .bytes(let part): add(3, part)
            }
        }
        self.init(kind, name, digest: Array(SHA256.hash(data: bytes)))
    }

    private static func withoutZeros(_ text: String) -> [UInt8] {
        text.utf8.flatMap { $0 == 0 ? Array("\u{FFFD}".utf8) : [$0] }
    }

    /// The entry of a row that must not exist.
    public static func absent(_ kind: Kind, _ name: String) -> ManifestEntry {
        ManifestEntry(kind, name, digest: [])
    }

    /// The row, for messages.
    public var description: String {
        switch kind {
        case .policy, .document: "the policy \(name)"
        case .references, .provenance: "the reference values \(name)"
        case .token: "the token \(name)"
        case .workload: "the workload \(name)"
        case .resource, .versions: "the resource \(name)"
        case .denial: "the denial of \(name)"
        }
    }
}

/// A row of the manifest's table.
public struct ManifestRow: Sendable, Hashable {
    /// As stored: an unknown kind when the line was not written by this version of the broker.
    public let kind: String
    public let name: String
    /// 32 bytes; empty when the row was removed.
    public let digest: [UInt8]
    /// The state at which the line was written.
    public let state: Int64

    public init(kind: String, name: String, digest: [UInt8], state: Int64) {
        self.kind = kind
        self.name = name
        self.digest = digest
        self.state = state
    }

    public init(_ entry: ManifestEntry, state: Int64) {
        self.init(kind: entry.kind.rawValue, name: entry.name, digest: entry.digest, state: state)
    }
}

/// The manifest's seal, as stored.
public struct ManifestSeal: Sendable, Hashable {
    /// Counts up with each change of a row that decides. The sealed bytes repeat it.
    public let state: Int64
    public let sealed: Sealed

    public init(state: Int64, sealed: Sealed) {
        self.state = state
        self.sealed = sealed
    }
}

/// The database's manifest, to be read.
public protocol ManifestSource: Sendable {
    func manifestSeal() async throws -> ManifestSeal?

    /// Lines ordered by state, kind and name, those after `row`.
    func manifestRows(after row: ManifestRow, limit: Int) async throws -> [ManifestRow]
}

/// The database was written to by something other than a broker with its master key.
public struct ManifestViolation: Error, Sendable, Hashable, CustomStringConvertible {
    public let description: String

    init(_ description: String) { self.description = "\(description) docs/audit.md says what to do." }

    public static func row(_ entry: ManifestEntry) -> ManifestViolation {
        ManifestViolation("The row of \(entry.description) in the database is not as a key broker left it.")
    }

    public static let isOlder = ManifestViolation(
        "The manifest in the database is older than one that was there before: someone has put an older state back.")

    static let isBroken = ManifestViolation(
        "The manifest in the database is not the one that was sealed: someone has changed its rows.")
}
