import Broker
import Concurrency
import Files
import FoundationEssentials
package import Logging

/// Compares the trail with its last checkpoint, which detects an older or rewritten database at low cost, and verifies
/// the records since before they are signed. `kbs audit verify` checks every record.
package final class TrailCheck: Sendable {
    private struct State {
        /// The checkpoints of which the file has one as its last: that which this process has read or signed, and
        /// during an append the next. Empty before the first read.
        var expected: [Checkpoint?] = []
        /// The last record that was verified.
        var verified: AuditHead?
        /// The first break of the chain that was found. It stays a failure until the server is restarted.
        var broken: BrokenTrail?
        /// The last reported problem.
        var reported: String?
    }

    private let file: CheckpointFile
    private let store: any ServerStore
    private let publicKey: [UInt8]
    private let mustBeThere: Bool
    private let state = Lock(State())

    /// - Parameter mustBeThere: whether a missing checkpoint is a failure.
    init(_ file: CheckpointFile, store: any ServerStore, publicKey: [UInt8], mustBeThere: Bool) {
        (self.file, self.store, self.publicKey, self.mustBeThere) = (file, store, publicKey, mustBeThere)
    }

    /// Adds a checkpoint to the file, unless the file was changed by others.
    func append(_ checkpoint: Checkpoint) throws {
        let last = try last()
        state.withLock { $0.expected = [last, checkpoint] }
        try file.append(checkpoint)
        state.withLock { $0.expected = [checkpoint] }
    }

    /// - Throws: the mismatch, as ``InvalidSetting``, or a ``BrokenTrail`` that was found before.
    @Sendable package func run() async throws {
        if let broken = state.withLock({ $0.broken }) { throw broken }
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

    /// Verifies the chain of the records since the last checkpoint. Without one on a shared database, whose other
    /// servers have signed what was there before, only the trail's end is compared.
    ///
    /// - Returns: the trail's last record, which may be signed.
    /// - Throws: ``BrokenTrail``, as each later ``run()`` does; the errors of ``run()``.
    func verifiedEnd() async throws -> AuditHead {
        try await run()
        let known = [state.withLock { $0.verified }, try last()?.head].compactMap(\.self)
            .max { $0.sequence < $1.sequence }
        do {
            let end = try await store.auditEnd()
            var verifier = TrailVerifier(after: known ?? (store.isShared ? end : .start))
            while verifier.head.sequence < end.sequence {
                let entries = try await store.auditEntries(
                    after: verifier.head.sequence, limit: Int(min(1_000, end.sequence - verifier.head.sequence)))
                guard !entries.isEmpty else { break }
                for entry in entries { try verifier.read(entry) }
            }
            guard verifier.head == end else {
                throw BrokenTrail(
                    "The trail ends at record \(end.sequence), which does not follow record \(verifier.head.sequence), "
                        + "the last that was verified.")
            }
            state.withLock { $0.verified = end }
            return end
        } catch let broken as BrokenTrail {
            state.withLock { $0.broken = broken }
            throw broken
        }
    }

    /// Logs a problem of the trail, once.
    package func report(_ problem: any Error, to logger: Logger) {
        let text = "\(problem)"
        let isNew = state.withLock { state in
            defer { state.reported = text }
            return state.reported != text
        }
        if isNew { logger.critical("THE AUDIT TRAIL IS NOT WHAT IT WAS.", metadata: ["problem": "\(text)"]) }
    }

    /// The file's last checkpoint.
    ///
    /// - Throws: ``InvalidSetting`` when it is missing, of another key, or not the one that this process has seen last.
    private func last() throws -> Checkpoint? {
        var (known, last): ([Checkpoint?], Checkpoint?)
        repeat {
            known = state.withLock { $0.expected }
            last = try file.last()
            // Another task may have appended meanwhile.
        } while known != state.withLock { $0.expected }
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
        state.withLock { if $0.expected.isEmpty { $0.expected = [last] } }
        return last
    }
}
