public import FoundationEssentials

/// Bytes that are encrypted for the database, and the master key that they open under.
public struct Sealed: Sendable, Hashable {
    /// AES-256-GCM: nonce ‖ ciphertext ‖ tag.
    public let bytes: [UInt8]
    /// The id of the master key.
    public let masterKey: String

    public init(bytes: [UInt8], masterKey: String) {
        self.bytes = bytes
        self.masterKey = masterKey
    }
}

/// One of the server's own keys, as it is in the database.
public struct StoredServerKey: Sendable, Hashable {
    /// What it is for.
    public let name: String
    public let id: String
    public let sealed: Sealed
    public let created: Date

    public init(name: String, id: String, sealed: Sealed, created: Date) {
        self.name = name
        self.id = id
        self.sealed = sealed
        self.created = created
    }
}

/// A workload's secret, as it is in the database.
public struct StoredSecret: Sendable, Hashable {
    public let workload: Workload
    public let sealed: Sealed

    public init(workload: Workload, sealed: Sealed) {
        self.workload = workload
        self.sealed = sealed
    }
}

/// What the database knows of a master key: never the key itself.
public struct MasterKeyUsage: Sendable, Hashable {
    public let id: String
    public var secrets = 0
    /// Versions of resources.
    public var resources = 0
    public var serverKeys = 0
    /// That have not expired.
    public var sessions = 0
    /// When the last of these sessions expires.
    public var lastSession: Date?
    /// When it became the active one; `nil` when no server has worked with it.
    public var activated: Date?
    /// When another key became the active one.
    public var superseded: Date?
    /// Since when nothing may be written under it.
    public var retired: Date?

    public init(id: String) { self.id = id }

    /// Whether it is the one that servers on this database seal with.
    public var isActive: Bool { activated != nil && superseded == nil }

    public var sealsNothing: Bool { secrets == 0 && resources == 0 && serverKeys == 0 }
}

/// What must outlive the process of master keys and of what is sealed under them.
public protocol KeyStore: ManifestSource {
    /// - Throws: when there is one with this name and id.
    func insert(_ key: StoredServerKey) async throws

    /// Stores a key unless there is one for its purpose: of several servers that start together, all get the same.
    ///
    /// - Returns: the oldest that there is.
    func insertFirst(_ key: StoredServerKey) async throws -> StoredServerKey

    /// The server's own keys for one purpose, oldest first.
    func serverKeys(named name: String) async throws -> [StoredServerKey]

    /// Every server key that is sealed under another master key than `masterKey`.
    func serverKeys(notUnder masterKey: String) async throws -> [StoredServerKey]

    /// Secrets that are sealed under another master key, in the order of their workloads' rows, after `row`.
    func secrets(notUnder masterKey: String, after row: Workload.Row, limit: Int) async throws -> [StoredSecret]

    /// Whether anything is sealed under another master key, by a look that costs the same however much there is.
    func isAnythingSealed(notUnder masterKey: String) async throws -> Bool

    /// Every secret, in the same order.
    func secrets(after row: Workload.Row, limit: Int) async throws -> [StoredSecret]

    /// Versions of resources that are sealed under another master key, in the order of their rows and numbers, after
    /// one of them.
    func resourceVersions(
        notUnder masterKey: String, after place: ResourcePlace, limit: Int
    ) async throws -> [StoredResourceVersion]

    /// Every version of every resource, in the same order.
    func resourceVersions(after place: ResourcePlace, limit: Int) async throws -> [StoredResourceVersion]

    /// Puts sealed bytes in the place of others, in one transaction, where those are still there.
    ///
    /// - Returns: how many were still there, or `nil`, with nothing written, when `masterKey` is not the active one.
    func reseal(_ changes: [Resealed], under masterKey: String) async throws -> Int?

    /// Seals the manifest anew, if the master key that it is then under is the active one.
    func renewManifest(_ manifest: Manifest) async throws

    /// How each master key is used that the database has seen.
    func masterKeyUsage(at time: Date) async throws -> [MasterKeyUsage]

    /// Remembers which key is active from now on. What is sealed under others moves to it.
    func activate(_ active: String, previous: [String], at time: Date) async throws

    /// Forbids to write under a key, in one transaction with a look that nothing is under it.
    ///
    /// - Returns: `false`, with nothing changed, when something is, a live session too, or when it is the active key.
    func retire(_ id: String, at time: Date) async throws -> Bool
}

/// New sealed bytes for a row.
public struct Resealed: Sendable {
    public enum Place: Sendable, Hashable {
        case secret(Workload.Row)
        case resource(ResourcePlace)
        case serverKey(name: String, id: String)
    }

    public let place: Place
    public let old: [UInt8]
    public let new: [UInt8]
}
