import Concurrency
import Files
package import Logging

/// Whether guests may fill more of the disk. They stop well before it is full, so that what they have attested for can still
/// be released, which needs a record.
package final class DiskRoom: Sendable {
    private struct State {
        var looked: ContinuousClock.Instant?
        var isThere = true
    }

    private let folder: String
    private let logger: Logger
    private let state = Lock(State())

    package init(_ folder: String, logger: Logger) { (self.folder, self.logger) = (folder, logger) }

    /// What must stay free, in bytes: 100 MiB, or a twentieth of a small disk.
    static func least(of total: UInt64) -> UInt64 { min(100 << 20, total / 20) }

    /// Looks at the disk once a second at most.
    package func callAsFunction() -> Bool {
        let now = ContinuousClock.now
        let isThere = state.withLock { state in
            if state.looked.map({ $0.duration(to: now) >= .seconds(1) }) ?? true {
                state.looked = now
                // What cannot be looked at will say so itself when it is written to.
                state.isThere = Folder.space(at: folder).map { $0.free >= Self.least(of: $0.total) } ?? true
            }
            return state.isThere
        }
        if !isThere {
            logger.error(
                "The disk is nearly full: guests open no sessions until there is room.",
                metadata: ["folder": "\(folder)"])
        }
        return isThere
    }
}
