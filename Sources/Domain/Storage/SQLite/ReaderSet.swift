import Foundation
import GRDB
import Synchronization

/// Connections for reading, taken in turn.
///
/// GRDB's pool lends a connection for each read under a lock that all threads share, which costs
/// more than the read. With a few connections for each core two threads seldom want the same one,
/// and each has a lock of its own.
final class ReaderSet: Sendable {
    private let queues: [DatabaseQueue]
    private let turn = Atomic<Int>(0)

    /// - Parameter path: a database that exists, in WAL mode.
    init(path: String, count: Int) throws {
        var configuration = Configuration()
        configuration.label = "kbs.reader"
        configuration.readonly = true
        configuration.busyMode = .timeout(10)
        queues = try (0..<max(1, count)).map { _ in try DatabaseQueue(path: path, configuration: configuration) }
    }

    /// One statement sees one state of the database, so it needs no transaction around it.
    func read<T>(_ body: (Database) throws -> T) throws -> T {
        let turn = turn.wrappingAdd(1, ordering: .relaxed).newValue
        return try queues[Int(UInt(bitPattern: turn) % UInt(queues.count))].unsafeRead(body)
    }

    func close() throws { for queue in queues { try queue.close() } }
}
