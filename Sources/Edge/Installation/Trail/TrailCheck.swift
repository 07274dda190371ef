import Broker
import Concurrency
import Files
import FoundationEssentials

/// Compares the trail with its last checkpoint, which detects an older or rewritten database at low cost.
/// `kbs audit verify` checks every record.
package final class TrailCheck: Sendable {
    private let file: CheckpointFile
    private let store: any ServerStore
    private let publicKey: [UInt8]
    private let mustBeThere: Bool
    /// The checkpoints of which the file has one as its last: that which this process has read or signed, and during an
    /// append the next. Empty before the first read.
    private let expected = Lock<[Checkpoint?]>([])

    /// - Parameter mustBeThere: whether a missing checkpoint is a failure.
    init(_ file: CheckpointFile, store: any ServerStore, publicKey: [UInt8], mustBeThere: Bool) {
        (self.file, self.store, self.publicKey, self.mustBeThere) = (file, store, publicKey, mustBeThere)
    }

    /// Adds a checkpoint to the file, unless the file was changed by others.
    func append(_ checkpoint: Checkpoint) throws {
        let last = try last()
        expected.withLock { $0 = [last, checkpoint] }
        try file.append(checkpoint)
        expected.withLock { $0 = [checkpoint] }
    }

    /// - Throws: the mismatch, as ``InvalidSetting``.
    @Sendable package func run() async throws {
        guard let last = try last() else { return }
        guard let hash = try await store.auditHash(of: last.head.sequence) else {
            throw InvalidSetting(
                "the trail has no record \(last.head.sequence), which the checkpoint of "
                    + "\(last.time.formatted(.iso8601)) has: the database is an older copy, or the trail was cut")
        }
        guard hash == last.head.hash else {
            throw InvalidSetting(
                "record \(last.head.sequence) of the trail is not the one that the checkpoint of "
                    + "\(last.time.formatted(.iso8601)) has: the trail was rewritten")
        }
    }

    /// The file's last checkpoint.
    ///
    /// - Throws: ``InvalidSetting`` when it is missing, of another key, or not the one that this process has seen last.
    private func last() throws -> Checkpoint? {
        var (known, last): ([Checkpoint?], Checkpoint?)
        repeat {
            known = expected.withLock { $0 }
            last = try file.last()
            // Another task may have appended meanwhile.
        } while known != expected.withLock { $0 }
        guard let last else {
            guard !mustBeThere, known.isEmpty || known.contains(nil) else { throw file.missing }
            return nil
        }
        guard last.isSigned(by: publicKey) else {
            throw InvalidSetting(
                "the last checkpoint in \(file.url.filePath) is not signed by this server's key: it is another "
                    + "database's, or this one's key was replaced. If that is as it should be: `kbs audit accept`")
        }
        guard known.isEmpty || known.contains(last) else {
            throw InvalidSetting(
                "the last checkpoint in \(file.url.filePath), of \(last.time.formatted(.iso8601)), is not the one that "
                    + "this server knows: the file was changed. If that is as it should be: `kbs audit accept`, and "
                    + "restart the server")
        }
        if known.isEmpty { expected.withLock { if $0.isEmpty { $0 = [last] } } }
        return last
    }
}
