import Broker
import BrokerSupport
import Bytes
import Crypto
import Evidence
import EvidenceSupport
import Foundation
import HTTP
import HTTPClient
import Installation
import MasterKeys
import PostgreSQL
import Server
import SimulatedHardware
import Storage
import TestSupport
import Testing

/// A PostgreSQL database and a master key that several servers share.
struct SharedDatabase: Sendable {
    /// Where it is now.
    var cluster: PostgreSQLCluster
    let name: String
    let folder: TemporaryFolder
    private let keys: KeyRing

    /// - Parameters:
    ///   - cluster: `nil` for the one that nobody stops.
    ///   - isEmpty: whether it has no tables yet.
    init(on cluster: PostgreSQLCluster? = nil, isEmpty: Bool = false) async throws {
        self.cluster = if let cluster { cluster } else { try await .shared }
        name = try await isEmpty ? self.cluster.newDatabase() : self.cluster.newStoreDatabase()
        folder = try TemporaryFolder()
        let key = SymmetricKey(size: .bits256)
        keys = KeyRing(master: key)
        try Self.write(key, to: keyFile)
    }

    var keyFile: URL { folder.file("master.key") }

    static func write(_ key: SymmetricKey, to file: URL) throws {
        try Data(Hex.encode(key.withUnsafeBytes { Array($0) }).utf8).write(to: file)
        try FileManager.default.setAttributes([.posixPermissions: 0o600], ofItemAtPath: file.path)
    }

    func uri(port: Int? = nil) -> String { cluster.uri(name, port: port) }

    /// Patient, so that only what a test breaks fails on a slow machine.
    func apply(to settings: inout Settings) {
        settings.storage.url = uri()
        settings.storage.connections = PostgreSQLStore.fewestConnections
        settings.storage.timeout = PostgreSQLCluster.patience / .seconds(1)
        settings.masterKeys.master = .file(keyFile)
    }

    /// The same for `kbs`.
    var arguments: [String] {
        [
            "--set", "storage.url=\(uri())", "--set", "storage.connections=5",
            "--keys-master", "file:\(keyFile.path)",
        ]
    }

    func withStore<T>(_ body: (PostgreSQLStore) async throws -> T) async throws -> T {
        let store = try await PostgreSQLStore(
            PostgreSQLConfiguration(
                uri: uri(), connections: PostgreSQLStore.fewestConnections, timeout: PostgreSQLCluster.patience),
            manifest: Manifest(keys), migrates: false)
        let result: Result<T, any Error>
        do { result = .success(try await body(store)) } catch { result = .failure(error) }
        await store.close()
        return try result.get()
    }

    /// Registers a workload for `Simulated.guest(id)`, as a server would.
    func register(_ ids: [String], secret: String = "secret") async throws {
        var settings = Settings()
        settings.dataFolder = folder.file("registering")
        apply(to: &settings)
        let opened = try await BrokerAssembly(opening: settings)
        for id in ids { try await opened.broker.register(Simulated.registration(id, secret: secret)) }
        try await opened.store.close()
    }

    /// Every record of the trail, once each hash has been found right and the head to be the last one's.
    func verifiedTrail() async throws -> [[String: String]] {
        try await withStore { store in
            let entries = try await store.auditEntries(after: 0, limit: 1_000_000)
            var verifier = TrailVerifier(checkpoints: [])
            for entry in entries { try verifier.read(entry) }
            let head = try await cluster.sql("SELECT seq || ' ' || encode(hash, 'hex') FROM audit_head", in: name)
            #expect(head == "\(verifier.head.sequence) \(Hex.encode(verifier.head.hash))")
            return try entries.map {
                try JSONDecoder().decode([String: String].self, from: Data($0.record.utf8))
            }
        }
    }
}

extension RunningServer {
    /// Runs servers that share a database, each with a folder of its own, for as long as `body` does.
    ///
    /// - Parameter change: what is different about the one with this number.
    static func replicas(
        _ count: Int, on database: SharedDatabase, _ change: (Int, inout Settings) throws -> Void = { _, _ in },
        _ body: ([RunningServer]) async throws -> Void
    ) async throws {
        try await replicas(count, on: database, change, after: [], body)
    }

    private static func replicas(
        _ count: Int, on database: SharedDatabase, _ change: (Int, inout Settings) throws -> Void,
        after servers: [RunningServer], _ body: ([RunningServer]) async throws -> Void
    ) async throws {
        guard servers.count < count else { return try await body(servers) }
        var hasStarted = false
        for attempt in 1... {
            do {
                return try await run { settings in
                    database.apply(to: &settings)
                    try change(servers.count, &settings)
                } _: { server in
                    hasStarted = true
                    // Of two that start at once either may be the last to say which master key is the active one.
                    try await eventually("it has made its master key the active one") {
                        server.log.lines.contains { $0.hasPrefix("info Master key.") }
                    }
                    try await replicas(count, on: database, change, after: servers + [server], body)
                }
            } catch {
                // One that is not to wait long for the database may not get it in time when it starts.
                guard !hasStarted, attempt < 20 else { throw error }
            }
        }
    }

    /// `true` when it takes requests.
    func isReady() async throws -> Bool { try await send("GET", "/readyz").status == 200 }

    /// What a server says that is ready, once it does: its checks have two seconds, which may be too few on a busy
    /// machine.
    func whenReady() async throws -> Reply {
        var reply = try await send("GET", "/readyz")
        try await eventually("it is ready") {
            if reply.status != 200 { reply = try await send("GET", "/readyz") }
            return reply.status == 200
        }
        return reply
    }
}

extension ServerProcess {
    /// One of several on a database, in a folder of its own.
    static func replica(on database: SharedDatabase, _ more: [String] = []) async throws -> ServerProcess {
        let folder = try TemporaryFolder()
        return try await start(folder, arguments: database.arguments + more)
    }

    var transport: GuestTransport { GuestTransport(base: base, client: .shared) }
}

/// Waits for something, for as long as a slow machine may need.
func eventually(_ what: Comment, _ condition: () async throws -> Bool) async throws {
    for _ in 0..<12_000 {
        if try await condition() { return }
        try await Task.sleep(for: .milliseconds(25))
    }
    throw NeverHappened(what: what)
}

/// Tries again while a server says to come back later.
func patiently<T>(_ body: () async throws -> T) async throws -> T {
    for _ in 0..<100 {
        do { return try await body() } catch let refused as GuestTransport.Refused where refused.status == 503 {
            try await Task.sleep(for: .milliseconds(100))
        }
    }
    return try await body()
}

struct NeverHappened: Error { let what: Comment }
