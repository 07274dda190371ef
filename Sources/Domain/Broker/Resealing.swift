import Bytes

/// Seals every secret, resource, server key and the manifest anew under the active master key, while the broker works.
///
/// Each batch is a transaction, and a row is changed only if it is still as it was read. An interrupted run leaves each
/// row under its old or its new key: run it again.
public struct Resealing: Sendable {
    public struct Progress: Sendable, Hashable {
        /// The number of rows moved to the active key.
        public var resealed = 0
        /// The names of what does not open: under a key that is not held, or changed since it was sealed.
        public var unopened: [String] = []

        public init() {}
    }

    private let keys: KeyRing
    private let store: any KeyStore
    private let batchSize: Int
    /// Small, so that guests wait only briefly for the transaction.
    static let defaultBatchSize = 200
    /// Smaller: a resource may have a megabyte.
    static let resourceBatchSize = 8

    public init(keys: KeyRing, store: any KeyStore) {
        self.init(keys: keys, store: store, batchSize: Self.defaultBatchSize)
    }

    init(keys: KeyRing, store: any KeyStore, batchSize: Int) {
        self.keys = keys
        self.store = store
        self.batchSize = batchSize
    }

    /// - Parameter report: is called after each batch.
    /// - Throws: ``Superseded`` when another key became the active one during the run.
    public func run(reporting report: (Progress) -> Void = { _ in }) async throws -> Progress {
        var progress = Progress()
        // Another process that does not know of the new key yet may seal rows during a pass: another pass finds them.
        while try await store.isAnythingSealed(notUnder: keys.held.active.id) {
            progress.unopened = []
            let tried = try await pass(&progress, report)
            // No remaining row opens.
            if tried == 0 { break }
        }
        return progress
    }

    /// - Returns: the number of rows that opened, also those that another process moved first.
    private func pass(_ progress: inout Progress, _ report: (Progress) -> Void) async throws -> Int {
        let held = keys.held
        var tried = 0
        var changes: [Resealed] = []
        for key in try await store.serverKeys(notUnder: held.active.id) {
            do {
                let secret = try held.candidates(for: key.sealed.masterKey).open(key.sealed) {
                    try $0.open($1, for: key.name, id: key.id)
                }
                changes.append(
                    Resealed(
                        place: .serverKey(name: key.name, id: key.id), old: key.sealed.bytes,
                        new: try held.active.seal(secret, for: key.name, id: key.id)))
            } catch {
                progress.unopened.append("server key \(key.name)/\(key.id)")
            }
        }
        tried += changes.count
        try await write(changes, held.active, &progress, report)
        if let seal = try await store.manifestSeal(), !held.isActive(seal.sealed.masterKey) {
            do {
                try await store.renewManifest(Manifest(keys))
                if try await store.manifestSeal().map({ held.isActive($0.sealed.masterKey) }) == true {
                    tried += 1
                    progress.resealed += 1
                }
            } catch let violation as ManifestViolation {
                progress.unopened.append("manifest: \(violation)")
            } catch let error as KeyRingError {
                progress.unopened.append("manifest: \(error)")
            }
        }
        tried += try await passOverResources(held, &progress, report)
        var row: Workload.Row = 0
        while true {
            let batch = try await store.secrets(notUnder: held.active.id, after: row, limit: batchSize)
            guard let last = batch.last else { return tried }
            row = last.workload.row
            changes = []
            for stored in batch {
                do {
                    let secret = try held.candidates(for: stored.sealed.masterKey).open(stored.sealed) {
                        try $0.open($1, of: stored.workload)
                    }
                    changes.append(
                        Resealed(
                            place: .secret(stored.workload.row), old: stored.sealed.bytes,
                            new: try held.active.seal(secret, of: stored.workload)))
                } catch {
                    progress.unopened.append("secret of \(stored.workload.id)")
                }
            }
            tried += changes.count
            try await write(changes, held.active, &progress, report)
        }
    }

    private func passOverResources(
        _ held: HeldKeys, _ progress: inout Progress, _ report: (Progress) -> Void
    ) async throws -> Int {
        var tried = 0
        var place = ResourcePlace.start
        let limit = min(batchSize, Self.resourceBatchSize)
        while true {
            let batch = try await store.resourceVersions(notUnder: held.active.id, after: place, limit: limit)
            guard let last = batch.last else { return tried }
            place = last.place
            var changes: [Resealed] = []
            for stored in batch {
                do {
                    let secret = try Self.open(stored, with: held)
                    changes.append(
                        Resealed(
                            place: .resource(stored.place), old: stored.sealed.bytes,
                            new: try held.active.seal(secret, for: stored.path, version: stored.place.version)))
                } catch {
                    progress.unopened.append("version \(stored.place.version) of the resource \(stored.path)")
                }
            }
            tried += changes.count
            try await write(changes, held.active, &progress, report)
        }
    }

    private static func open(_ stored: StoredResourceVersion, with held: HeldKeys) throws -> Secret {
        try held.candidates(for: stored.sealed.masterKey).open(stored.sealed) {
            try $0.open($1, for: stored.path, version: stored.place.version)
        }
    }

    private func write(
        _ changes: [Resealed], _ active: ServerKeys, _ progress: inout Progress, _ report: (Progress) -> Void
    ) async throws {
        guard !changes.isEmpty else { return }
        guard let moved = try await store.reseal(changes, under: active.id) else { throw Superseded() }
        progress.resealed += moved
        report(progress)
        try Task.checkCancellation()
    }

    /// Another process has made another key the active one.
    public struct Superseded: Error, Sendable, CustomStringConvertible {
        public let description = "another master key became the active one meanwhile"
    }

    /// Opens every secret, resource and server key, and changes nothing.
    ///
    /// - Returns: the names of those that do not open.
    public static func unopened(with keys: KeyRing, in store: any KeyStore) async throws -> [String] {
        let held = keys.held
        var unopened: [String] = []
        // No master key has this id, so this selects every row.
        for key in try await store.serverKeys(notUnder: "-") {
            let opened = try? held.candidates(for: key.sealed.masterKey).open(key.sealed) {
                try $0.open($1, for: key.name, id: key.id)
            }
            if opened == nil {
                unopened.append("server key \(key.name)/\(key.id) (master key \(key.sealed.masterKey))")
            }
        }
        var place = ResourcePlace.start
        while case let batch = try await store.resourceVersions(after: place, limit: resourceBatchSize),
            let last = batch.last
        {
            place = last.place
            for stored in batch where (try? open(stored, with: held)) == nil {
                unopened.append(
                    "version \(stored.place.version) of the resource \(stored.path) (master key "
                        + "\(stored.sealed.masterKey))")
            }
        }
        var row: Workload.Row = 0
        while case let batch = try await store.secrets(after: row, limit: defaultBatchSize), let last = batch.last {
            row = last.workload.row
            for stored in batch {
                let opened = try? held.candidates(for: stored.sealed.masterKey).open(stored.sealed) {
                    try $0.open($1, of: stored.workload)
                }
                guard opened == nil else { continue }
                unopened.append("secret of \(stored.workload.id) (master key \(stored.sealed.masterKey))")
            }
        }
        return unopened
    }
}
