public import FoundationEssentials

/// Bytes encrypted for the database, with the id of the master key that opens them.
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

/// A row of the table of server keys: one of the server's own keys, sealed.
public struct StoredServerKey: Sendable, Hashable {
    /// The key's purpose.
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

/// A workload with its sealed secret, as stored.
public struct StoredSecret: Sendable, Hashable {
    public let workload: Workload
    public let sealed: Sealed

    public init(workload: Workload, sealed: Sealed) {
        self.workload = workload
        self.sealed = sealed
    }
}

/// How the database uses one master key. The key itself is not in the database.
public struct MasterKeyUsage: Sendable, Hashable {
    public let id: String
    public var secrets = 0
    /// Versions of resources.
    public var resources = 0
    public var serverKeys = 0
    /// Sessions that have not expired.
    public var sessions = 0
    /// When the last of these sessions expires.
    public var lastSession: Date?
    /// When it became the active key; `nil` when no server has sealed with it.
    public var activated: Date?
    /// When another key became the active one.
    public var superseded: Date?
    /// When it was retired: nothing is written under it any more.
    public var retired: Date?

    public init(id: String) { self.id = id }

    /// Whether the servers on this database seal with it.
    public var isActive: Bool { activated != nil && superseded == nil }

    public var sealsNothing: Bool { secrets == 0 && resources == 0 && serverKeys == 0 }
}

/// Where sealed rows, server keys and the state of master keys are stored.
public protocol KeyStore: ManifestSource {
    /// - Throws: when the name and id are taken.
    func insert(_ key: StoredServerKey) async throws

    /// Stores a key unless its purpose has one: servers that start together all get the same.
    ///
    /// - Returns: the purpose's oldest key.
    func insertFirst(_ key: StoredServerKey) async throws -> StoredServerKey

    /// The server's own keys for one purpose, oldest first.
    func serverKeys(named name: String) async throws -> [StoredServerKey]

    /// Server keys sealed under another master key than `masterKey`: all, for the empty id.
    func serverKeys(notUnder masterKey: String) async throws -> [StoredServerKey]

    /// Secrets sealed under another master key, ordered by their workloads' rows, after `row`: all, for the empty id.
    func secrets(notUnder masterKey: String, after row: Workload.Row, limit: Int) async throws -> [StoredSecret]

    /// Whether anything is sealed under another master key. The cost does not grow with the number of rows.
    func isAnythingSealed(notUnder masterKey: String) async throws -> Bool

    /// Versions of resources sealed under another master key, ordered by row and number, after `place`:
    /// all, for the empty id.
    func resourceVersions(
        notUnder masterKey: String, after place: ResourcePlace, limit: Int
    ) async throws -> [StoredResourceVersion]

    /// Replaces sealed bytes in one transaction, in the rows that still hold the old ones.
    ///
    /// - Returns: the number of rows replaced, or `nil`, with nothing written, when `masterKey` is not the active one.
    func reseal(_ changes: [Resealed], under masterKey: String) async throws -> Int?

    /// Seals the manifest anew, if the master key that seals it then is the active one.
    func renewManifest(_ manifest: Manifest) async throws

    /// The use of each master key that the database has seen.
    func masterKeyUsage(at time: Date) async throws -> [MasterKeyUsage]

    /// Stores which key is active from now on. Rows under other keys are moved to it by ``Resealing``.
    ///
    /// - Parameter record: makes the record, written with the change, from the id of the key that was active before;
    ///   not called when there was none.
    func activate(
        _ active: String, previous: [String], at time: Date,
        recording record: @escaping @Sendable (_ before: String) -> AuditRecord
    ) async throws

    /// Retires a key, in one transaction with the check that nothing is sealed under it.
    ///
    /// - Returns: `false`, with nothing changed or recorded, when a row or a live session is under it, or when it is the
    ///   active key.
    func retire(_ id: String, at time: Date, recording record: AuditRecord) async throws -> Bool
}

/// A row's old and new sealed bytes.
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
