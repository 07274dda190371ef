import Concurrency
import Lifecycle
import Logging

/// What each signal means to a server. None but KILL ends it without a line in the log.
final class ServerSignals: Sendable {
    /// Made by the first signal that asks the server to end.
    let stop: StopRequest
    private struct Reaction: Sendable { var body: (@Sendable () -> Void)? }

    private let hangUp: Lock<Reaction>
    private let watch: SignalWatch

    /// From now on signals do what they mean here, until ``end()``.
    ///
    /// - Parameter manager: is told when the server reads things again.
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
                    return logger.info("SIGHUP: the server is only just starting.")
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

    /// Says what SIGHUP does.
    func onHangUp(_ body: @escaping @Sendable () -> Void) { hangUp.withLock { $0.body = body } }

    func end() { watch.end() }
}
