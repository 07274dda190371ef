import Concurrency
import Files
package import Logging

/// The reserve of disk space that guests may not use: releases to attested guests need it for their records.
package final class DiskRoom: Sendable {
    private struct State {
        var looked: ContinuousClock.Instant?
        var isThere = true
    }

    private let folder: String
    private let logger: Logger
    private let state = Lock(State())

    package init(_ folder: String, logger: Logger) { (self.folder, self.logger) = (folder, logger) }

    /// The reserve in bytes: 100 MiB, or a twentieth of a small disk.
    static func least(of total: UInt64) -> UInt64 { min(100 << 20, total / 20) }

    /// Whether guests may use more space. Reads the free space once a second at most.
    package func callAsFunction() -> Bool {
        let now = ContinuousClock.now
        let isThere = state.withLock { state in
            if state.looked.map({ $0.duration(to: now) >= .seconds(1) }) ?? true {
                state.looked = now
                // An unreadable disk fails with its own error when it is written to.
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
