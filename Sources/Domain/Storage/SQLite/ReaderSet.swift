import SQLite
import Synchronization

/// Connections for reading, taken in turn.
///
/// A pool lends connections under a lock that all threads share, which costs more than the read. With two connections
/// for each core two threads seldom meet at one, and each connection has a lock of its own.
final class ReaderSet: Sendable {
    private let queues: [DatabaseQueue]
    private let turn = Atomic<Int>(0)

    /// - Parameter path: a database that exists, in WAL mode.
    init(path: String, count: Int, _ configuration: Configuration) throws {
        queues = try (0..<max(1, count)).map { _ in try DatabaseQueue(path: path, configuration: configuration) }
    }

    /// One statement sees one state of the database, so it needs no transaction around it.
    func read<T>(_ body: (Database) throws -> T) throws -> T {
        let turn = turn.wrappingAdd(1, ordering: .relaxed).newValue
        return try queues[Int(UInt(bitPattern: turn) % UInt(queues.count))].readWithoutTransaction(body)
    }

    func close() throws { for queue in queues { try queue.close() } }
}
