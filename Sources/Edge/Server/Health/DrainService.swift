import Lifecycle
import Logging

/// Makes the server not ready at a stop, and keeps it serving for a delay, so that a load balancer notices before a
/// connection is refused.
///
/// Services stop in the reverse of their order, each after the next one has ended: this one must be last.
struct DrainService: Service {
    let readiness: Readiness
    let delay: Duration
    let logger: Logger
    /// Called at the beginning of the stop.
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
