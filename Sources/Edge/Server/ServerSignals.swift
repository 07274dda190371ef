import Concurrency
import Lifecycle
import Logging

/// The server's reactions to signals. Only SIGKILL ends it without a line in the log.
final class ServerSignals: Sendable {
    /// Made by the first signal that asks the server to end.
    let stop: StopRequest
    private struct Reaction: Sendable { var body: (@Sendable () -> Void)? }

    private let hangUp: Lock<Reaction>
    private let watch: SignalWatch

    /// Installs the reactions, until ``end()``.
    ///
    /// - Parameter manager: notified of reloads.
    init(logger: Logger, manager: ServiceManager?) {
        let (stop, hangUp) = (StopRequest(), Lock(Reaction()))
        (self.stop, self.hangUp) = (stop, hangUp)
        watch = SignalWatch(Signal.ending) { signal in
            switch signal {
            case .terminate, .interrupt, .quit:
                logger.info(
                    stop.isMade ? "The server is stopping already." : "Stopping.", metadata: ["signal": "\(signal)"])
                stop.make()
            case .hangUp:
                guard let reload = hangUp.withLock({ $0.body }) else {
                    return logger.info("SIGHUP is ignored: the server is still starting.")
                }
                manager?.reloading()
                reload()
                manager?.ready("serving")
            case .user1, .user2:
                logger.info("\(signal): logs go to standard error; there is nothing to reopen.")
            default: logger.notice("\(signal) means nothing to this server, which goes on.")
            }
        }
    }

    /// Sets the reaction to SIGHUP.
    func onHangUp(_ body: @escaping @Sendable () -> Void) { hangUp.withLock { $0.body = body } }

    func end() { watch.end() }
}
