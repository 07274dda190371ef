import Dispatch
import SQLite

/// A further connection for reading, with a thread of its own, for reads of many rows.
///
/// Counts, listings, searches and exports may take long. Here they wait for each other, and block neither an event loop
/// nor a connection that guests use.
final class OperatorReader: Sendable {
    private let database: DatabaseQueue
    private let queue = DispatchQueue(label: "kbs.operators", qos: .utility)

    /// - Parameter path: a database that exists, in WAL mode.
    init(path: String, _ configuration: Configuration) throws {
        database = try DatabaseQueue(path: path, configuration: configuration)
    }

    /// One statement sees one state of the database, so it needs no transaction around it.
    func read<T: Sendable>(_ body: @escaping @Sendable (Database) throws -> T) async throws -> T {
        try await withCheckedThrowingContinuation { continuation in
            queue.async { continuation.resume(with: Result { try self.database.readWithoutTransaction(body) }) }
        }
    }

    func close() throws { try database.close() }
}
