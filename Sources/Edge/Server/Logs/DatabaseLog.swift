import Concurrency
import Logging
import Storage

/// Logs when PostgreSQL becomes unreachable and when it is reachable again: once each, however many connections there
/// are and however often they are retried.
struct DatabaseLog: Sendable {
    private struct State {
        /// Since when the database is logged as unreachable.
        var lost: ContinuousClock.Instant?
        /// When a loss was last logged.
        var toldLoss: ContinuousClock.Instant?
    }

    /// Shared by copies.
    private final class Memory: Sendable { let state = Lock(State()) }

    /// Least time between two logged losses, so that an unsteady network does not fill the log.
    private static let pause = Duration.seconds(10)

    private let logger: Logger
    private let memory = Memory()

    init(_ logger: Logger) { self.logger = logger }

    /// - Parameter now: the time.
    func callAsFunction(_ event: ConnectionEvent, at now: ContinuousClock.Instant = .now) {
        switch event {
        case .lost(let reason):
            logger.debug("A connection to the database was lost.", metadata: ["reason": "\(reason)"])
        case .notConnected(let reason): outOfReach(reason, now)
        case .connected: backInReach(now)
        case .trouble(let error): logger.error("The database refuses to work.", metadata: ["error": "\(error)"])
        }
    }

    private func outOfReach(_ reason: String, _ now: ContinuousClock.Instant) {
        let mustTell = memory.state.withLock { state in
            guard state.lost == nil, Self.mayTell(&state.toldLoss, now) else { return false }
            state.lost = now
            return true
        }
        guard mustTell else { return }
        logger.error(
            "The database cannot be reached. It is tried again until it can.", metadata: ["reason": "\(reason)"])
    }

    private func backInReach(_ now: ContinuousClock.Instant) {
        let lost = memory.state.withLock { state in
            defer { state.lost = nil }
            return state.lost
        }
        guard let lost else { return }
        logger.notice(
            "The database can be reached again.", metadata: ["seconds": "\(lost.duration(to: now).components.seconds)"])
    }

    private static func mayTell(_ told: inout ContinuousClock.Instant?, _ now: ContinuousClock.Instant) -> Bool {
        if let last = told, last.advanced(by: pause) > now { return false }
        told = now
        return true
    }
}
