import Bytes
import Crypto

/// A row that decides who gets what, as the manifest lists it: which row it is, and SHA-256 over what it says.
public struct ManifestEntry: Sendable, Hashable {
    public enum Kind: String, Sendable, CaseIterable {
        /// A policy's rules.
        case policy
        /// A policy as its author wrote it.
        case document
        /// A set of reference values: what lets guests in by it, and until when.
        case references
        /// How its values came about.
        case provenance
        case token
        /// A registration, with whether it is disabled.
        case workload
        /// A resource's policy, current version and what that is bound to, and whether it is disabled.
        case resource
        /// Which policy each kept version of a resource was put under, and what it is bound to.
        case versions
        /// That a chip or a key is denied, with the reason.
        case denial
    }

    /// Something that a row says.
    public enum Part: Sendable {
        case number(Int64?)
        case text(String?)
        case bytes([UInt8])
    }

    public let kind: Kind
    public let name: String
    /// 32 bytes; none for a row that must not be there.
    public let digest: [UInt8]

    public init(_ kind: Kind, _ name: String, digest: [UInt8]) {
        self.kind = kind
        self.name = name
        self.digest = digest
    }

    /// - Parameter parts: all that the row says which decides. Each says its length in the digest, so that no two rows
    ///   have the same.
    public init(_ kind: Kind, _ name: String, saying parts: [Part]) {
        var bytes: [UInt8] = []
        bytes.reserveCapacity(256)
        func add(_ tag: UInt8, _ part: some Collection<UInt8>) {
            bytes.append(tag)
            bytes += UInt32(clamping: part.count).bigEndianBytes
            bytes += part
        }
        for part in parts {
            switch part {
            case .number(nil), .text(nil): add(0, [])
            case .number(let number?): add(1, UInt64(bitPattern: number).bigEndianBytes)
            // PostgreSQL has no U+0000, and is given U+FFFD in its place.
            case .text(let text?): add(2, text.utf8.contains(0) ? Self.withoutZeros(text) : Array(text.utf8))
            case .bytes(let part): add(3, part)
            }
        }
        self.init(kind, name, digest: Array(SHA256.hash(data: bytes)))
    }

    private static func withoutZeros(_ text: String) -> [UInt8] {
        text.utf8.flatMap { $0 == 0 ? Array("\u{FFFD}".utf8) : [$0] }
    }

    /// One that says that there is no such row.
    public static func absent(_ kind: Kind, _ name: String) -> ManifestEntry {
        ManifestEntry(kind, name, digest: [])
    }

    /// For messages.
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
    /// As the database has it: of no kind that is known here when somebody else wrote it.
    public let kind: String
    public let name: String
    /// 32 bytes; none when the row was removed.
    public let digest: [UInt8]
    /// The manifest's state in which it was written.
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

/// What proves the manifest, as the database has it.
public struct ManifestSeal: Sendable, Hashable {
    /// Counts up with each change of a row that decides. The sealed bytes say it again.
    public let state: Int64
    public let sealed: Sealed

    public init(state: Int64, sealed: Sealed) {
        self.state = state
        self.sealed = sealed
    }
}

/// Where the manifest is read from.
public protocol ManifestSource: Sendable {
    func manifestSeal() async throws -> ManifestSeal?

    /// Rows in the order of their states, kinds and names, from the first one after this.
    func manifestRows(after row: ManifestRow, limit: Int) async throws -> [ManifestRow]
}

/// Somebody has written to the database in another way than through a key broker with its master key.
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
