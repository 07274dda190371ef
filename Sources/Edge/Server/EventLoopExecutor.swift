import Hummingbird
import HummingbirdCore
import Logging
import NIOCore

/// Runs a connection's tasks on the connection's own event loop.
///
/// On the concurrency runtime's pool each request changes threads several times, and each change
/// wakes another thread through the kernel. docs/performance.md has the figures.
final class EventLoopExecutor: TaskExecutor {
    private let loop: any EventLoop

    init(_ loop: any EventLoop) { self.loop = loop }

    func enqueue(_ job: consuming ExecutorJob) {
        let job = UnownedJob(job)
        loop.execute { job.runSynchronously(on: self.asUnownedTaskExecutor()) }
    }
}

/// An HTTP/1 channel whose requests stay on their connection's event loop.
struct PinnedHTTP1Channel: ServerChildChannel {
    let base: HTTP1Channel
    let front: ConnectionFront

    func setup(channel: any Channel, logger: Logger) -> EventLoopFuture<HTTP1Channel.Value> {
        channel.eventLoop.makeCompletedFuture { try front.prepare(channel) }
            .flatMap { base.setup(channel: channel, logger: logger) }
            .flatMapThrowing { value in
                try front.finish(channel)
                return value
            }
    }

    func handle(value: HTTP1Channel.Value, logger: Logger) async {
        await withTaskExecutorPreference(EventLoopExecutor(value.channel.eventLoop)) {
            await base.handle(value: value, logger: logger)
        }
    }
}
