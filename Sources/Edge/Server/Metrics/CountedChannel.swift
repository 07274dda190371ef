import Metrics
import HummingbirdCore
import Logging
import NIOCore

/// Counts the connections that are open, whatever is spoken on them.
struct CountedChannel<Base: ServerChildChannel>: ServerChildChannel {
    let base: Base
    let open: Gauge

    func setup(channel: any Channel, logger: Logger) -> EventLoopFuture<Base.Value> {
        open.increment()
        channel.closeFuture.whenComplete { [open] _ in open.decrement() }
        return base.setup(channel: channel, logger: logger)
    }

    func handle(value: Base.Value, logger: Logger) async { await base.handle(value: value, logger: logger) }
}
