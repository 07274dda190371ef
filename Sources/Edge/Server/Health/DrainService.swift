import Lifecycle
import Logging

/// Says that the server is about to stop, and goes on serving for a while, so that a load balancer
/// takes notice before a connection is refused.
///
/// Services stop in the reverse of their order, each after the one behind it has ended: this one stands last.
struct DrainService: Service {
    let readiness: Readiness
    let delay: Duration
    let logger: Logger
    /// Is called first.
    let onStopping: @Sendable () -> Void

    func run(until stop: StopRequest) async throws {
        await stop.wait()
        guard !Task.isCancelled else { return }
        onStopping()
        await readiness.stop()
        guard delay > .zero else { return }
        logger.info("Stopping soon.", metadata: ["delay": "\(delay)"])
        try? await Task.sleep(for: delay)
    }
}
