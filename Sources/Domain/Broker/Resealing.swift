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
        if let seal = try await store.manifestSeal(), !held.isActive(seal.sealed.masterKey) {
            do {
                try await store.renewManifest(Manifest(keys))
                if try await store.manifestSeal().map({ held.isActive($0.sealed.masterKey) }) == true {
                    tried += 1
                    progress.resealed += 1
                }
            } catch let error where !(error is CancellationError) {
                // Whatever the reason, it holds up no secret.
                progress.unopened.append("manifest: \(error)")
            }
        }
        try await Self.eachBatch(in: store, notUnder: held.active.id, of: batchSize) { rows in
            var changes: [Resealed] = []
            for row in rows {
                do {
                    let secret = try held.open(row.sealed, for: row.subject)
                    changes.append(
                        Resealed(
                            place: row.place, old: row.sealed.bytes,
                            new: try held.active.seal(secret, for: row.subject)))
                } catch {
                    progress.unopened.append("\(row.subject)")
                }
            }
            guard !changes.isEmpty else { return }
            tried += changes.count
            guard let moved = try await store.reseal(changes, under: held.active.id) else { throw Superseded() }
            progress.resealed += moved
            report(progress)
            try Task.checkCancellation()
        }
        return tried
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
        try await eachBatch(in: store, notUnder: "", of: defaultBatchSize) { rows in
            for row in rows where (try? held.open(row.sealed, for: row.subject)) == nil {
                unopened.append("\(row.subject) (master key \(row.sealed.masterKey))")
            }
        }
        return unopened
    }

    /// A row with sealed bytes.
    private struct SealedRow {
        let place: Resealed.Place
        let subject: SealedSubject
        let sealed: Sealed
    }

    /// Reads the rows sealed under another master key, in batches.
    private static func eachBatch(
        in store: any KeyStore, notUnder masterKey: String, of size: Int,
        _ body: ([SealedRow]) async throws -> Void
    ) async throws {
        try await body(
            try await store.serverKeys(notUnder: masterKey).map {
                SealedRow(
                    place: .serverKey(name: $0.name, id: $0.id), subject: .serverKey(name: $0.name, id: $0.id),
                    sealed: $0.sealed)
            })
        var place = ResourcePlace.start
        while case let batch = try await store.resourceVersions(
            notUnder: masterKey, after: place, limit: min(size, resourceBatchSize)), let last = batch.last
        {
            place = last.place
            try await body(
                batch.map {
                    SealedRow(
                        place: .resource($0.place), subject: .resource($0.path, version: $0.place.version),
                        sealed: $0.sealed)
                })
        }
        var row: Workload.Row = 0
        while case let batch = try await store.secrets(notUnder: masterKey, after: row, limit: size),
            let last = batch.last
        {
            row = last.workload.row
            try await body(
                batch.map {
                    SealedRow(place: .secret($0.workload.row), subject: $0.workload.subject, sealed: $0.sealed)
                })
        }
    }
}
