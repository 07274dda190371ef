import Broker
import Concurrency
public import PostgreSQL
import Synchronization

/// What happened to a connection, for logs and metrics.
public enum ConnectionEvent: Sendable, Hashable {
    case connected
    /// It was in use, and is not any more.
    case lost(reason: String)
    /// No host can be used now. It is tried again.
    case notConnected(reason: String)
    /// The database refused something that it should not have: it is out of disk or memory, say.
    case trouble(PostgreSQLError)
}

/// What the threads of one store share.
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

    /// Connections that are made and not known to be lost.
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
    /// The name of every connection of this program: a copy of a database asks by it whether servers are at work.
    static let application = "kbs"

    convenience init(_ configuration: PostgreSQLConfiguration, _ limits: Limits) throws {
        try self.init(configuration, limits, application: Self.application)
    }
}

/// A thread's connection, which is made again when it is lost.
final class Link {
    private let configuration: PostgreSQLConfiguration
    private let limits: Connection.Limits
    private let signals: StoreSignals
    private var connection: Connection?
    /// Since something last went well.
    private var failures = 0

    init(_ configuration: PostgreSQLConfiguration, _ limits: Connection.Limits, _ signals: StoreSignals) {
        self.configuration = configuration
        self.limits = limits
        self.signals = signals
    }

    /// The connection, as soon as there is one.
    ///
    /// - Returns: `nil` when there is none and the store is closing.
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

    /// Up to a second, and never all threads of all replicas at the same moment.
    private func pause() {
        guard failures > 0 else { return }
        let longest = min(1, 0.025 * Double(1 << min(failures, 10)))
        let until = ContinuousClock.now + .seconds(Double.random(in: longest / 2...longest))
        while ContinuousClock.now < until, !signals.isClosing { BlockingThread.sleep(for: .milliseconds(10)) }
    }

    /// Whether the connection that was given out last is not to be used any more.
    var isLost: Bool { connection == nil }

    func succeed() { failures = 0 }

    func lose(_ reason: any Error) {
        failures += 1
        // What is lost can be found out twice: by a statement, and by the rollback after it.
        guard connection != nil else { return }
        connection = nil
        signals.report(.lost(reason: "\(reason)"))
    }

    /// Does what an error asks for, as far as it concerns the connection.
    ///
    /// - Returns: whether the same is to be tried again, or what its caller is told.
    func judge(_ error: any Error) -> Verdict {
        guard let error = error as? PostgreSQLError else {
            if error is ConnectionBroken { lose(error) }
            return error is ConnectionBroken || error is NotCommitted ? .again : .fail(error)
        }
        switch Remedy(error) {
        case .again:
            // They met once, and should not meet again.
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
