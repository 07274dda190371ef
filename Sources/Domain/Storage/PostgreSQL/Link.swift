import Broker
import Concurrency
public import PostgreSQL
import Synchronization

/// An event of a connection, for logs and metrics.
public enum ConnectionEvent: Sendable, Hashable {
    case connected
    /// A connection in use has failed.
    case lost(reason: String)
    /// No host accepts a connection now. Connecting is retried.
    case notConnected(reason: String)
    /// The database failed a statement for lack of resources, such as disk or memory.
    case trouble(PostgreSQLError)
}

/// State shared by the threads of one store.
final class StoreSignals: Sendable {
    private struct Observer { let report: @Sendable (ConnectionEvent) -> Void }

    private let observer = Lock<Observer?>(nil)
    private let connections = Atomic(0)
    private let closing = Atomic(false)

    var isClosing: Bool { closing.load(ordering: .acquiring) }

    func close() { closing.store(true, ordering: .releasing) }

    func observe(_ body: @escaping @Sendable (ConnectionEvent) -> Void) {
        observer.withLock { $0 = Observer(report: body) }
    }

    /// The number of connections made and not known to be lost.
    var openConnections: Int { connections.load(ordering: .relaxed) }

    func report(_ event: ConnectionEvent) {
        switch event {
        case .connected: connections.add(1, ordering: .relaxed)
        case .lost: connections.subtract(1, ordering: .relaxed)
        case .notConnected, .trouble: break
        }
        observer.withLock { $0 }?.report(event)
    }
}

extension Connection {
    /// The `application_name` of this program's connections. A copy of a database finds servers at work by it.
    static let application = "kbs"

    convenience init(_ configuration: PostgreSQLConfiguration, _ limits: Limits) throws {
        try self.init(configuration, limits, application: Self.application)
    }
}

/// A thread's connection, reconnected when it is lost.
final class Link {
    private let configuration: PostgreSQLConfiguration
    private let limits: Connection.Limits
    private let signals: StoreSignals
    private var connection: Connection?
    /// The failures since the last success.
    private var failures = 0

    init(_ configuration: PostgreSQLConfiguration, _ limits: Connection.Limits, _ signals: StoreSignals) {
        self.configuration = configuration
        self.limits = limits
        self.signals = signals
    }

    /// Waits for a connection.
    ///
    /// - Returns: `nil` when the store is closing before there is one.
    func connect() -> Connection? {
        if let connection { return connection }
        while true {
            pause()
            if signals.isClosing { return nil }
            do {
                let new = try Connection(configuration, limits)
                connection = new
                signals.report(.connected)
                return new
            } catch {
                failures += 1
                signals.report(.notConnected(reason: "\(error)"))
            }
        }
    }

    /// Waits after failures, for up to a second, randomly so that threads and replicas do not reconnect all at once.
    private func pause() {
        guard failures > 0 else { return }
        let longest = min(1, 0.025 * Double(1 << min(failures, 10)))
        let until = ContinuousClock.now + .seconds(Double.random(in: longest / 2...longest))
        while ContinuousClock.now < until, !signals.isClosing { BlockingThread.sleep(for: .milliseconds(10)) }
    }

    /// Whether the last connection returned is lost.
    var isLost: Bool { connection == nil }

    func succeed() { failures = 0 }

    func lose(_ reason: any Error) {
        failures += 1
        // A loss can be noticed twice: by a statement, and by the rollback after it.
        guard connection != nil else { return }
        connection = nil
        signals.report(.lost(reason: "\(reason)"))
    }

    /// Applies an error's remedy to the connection.
    ///
    /// - Returns: whether to try the same again, or the error for its caller.
    func judge(_ error: any Error) -> Verdict {
        guard let error = error as? PostgreSQLError else {
            if error is ConnectionBroken { lose(error) }
            return error is ConnectionBroken || error is NotCommitted ? .again : .fail(error)
        }
        switch Remedy(error) {
        case .again:
            // Two transactions conflicted: a random pause keeps them apart.
            BlockingThread.sleep(for: .seconds(Double.random(in: 0.001...0.02)))
            return .again
        case .elsewhere:
            lose(error)
            return .again
        case .later(let seconds):
            signals.report(.trouble(error))
            return .fail(Refusal.databaseUnavailable(retryAfter: seconds))
        case .none: return .fail(error)
        }
    }

    enum Verdict {
        case again
        case fail(any Error)
    }
}
