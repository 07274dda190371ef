import Concurrency

/// Sends spans to a collector, in batches, as OTLP over HTTP with JSON.
///
/// A span that finds the queue full is dropped, and so is a batch that the collector does not take: nobody ever waits for
/// it, and its memory is bounded. While it fails, one batch is tried at each interval.
public final class OTLPExporter: Tracer {
    public struct Limits: Sendable {
        /// How many spans wait at most.
        public var queue = 2_048
        /// How many go in one request.
        public var batch = 512
        /// How long one waits for others at most, and how long it is until a collector that failed is tried again.
        public var interval: Duration = .seconds(5)
        /// How long sending what is left may take at the end.
        public var last: Duration = .seconds(3)
        /// How long it is at least from one ``Event/failed(_:)`` to the next.
        public var quiet: Duration = .seconds(60)

        public init() {}
    }

    /// Worth a line in a log: once when it begins, once when it is over, and not often.
    public enum Event: Sendable {
        case failed(any Error)
        case recovered
    }

    /// Where spans are posted, below a collector's address.
    public static let path = "/v1/traces"

    private struct State {
        var queue: [FinishedSpan] = []
        var sent: UInt64 = 0
        var dropped: UInt64 = 0
        var isFailing = false
        /// Whether, and when, the failure was told.
        var isTold = false
        var told: ContinuousClock.Instant?
    }

    private let resource: SpanAttributes
    private let limits: Limits
    private let send: @Sendable ([UInt8]) async throws -> Void
    private let report: @Sendable (Event) -> Void
    private let state = Lock(State())
    private let (batches, batchIsFull) = AsyncStream.makeStream(of: Void.self, bufferingPolicy: .bufferingNewest(1))

    /// - Parameters:
    ///   - resource: says whose spans they are: `service.name`, `service.version`, …
    ///   - report: is told when sending begins to fail, and when it works again.
    ///   - send: posts a body to the collector. It must end within a time, and throw unless the collector took it.
    public init(
        resource: SpanAttributes, limits: Limits = Limits(),
        reportingTo report: @escaping @Sendable (Event) -> Void = { _ in },
        send: @escaping @Sendable ([UInt8]) async throws -> Void
    ) {
        self.resource = resource
        self.limits = limits
        self.report = report
        self.send = send
    }

    public func record(_ span: FinishedSpan) {
        let isFull = state.withLock { state in
            guard state.queue.count < limits.queue else {
                state.dropped += 1
                return false
            }
            state.queue.append(span)
            return state.queue.count == limits.batch && !state.isFailing
        }
        if isFull { batchIsFull.yield() }
    }

    /// Spans that the collector has, and those that were dropped.
    public var counts: (sent: UInt64, dropped: UInt64) { state.withLock { ($0.sent, $0.dropped) } }

    /// Sends what is recorded, until the task is cancelled; then what is left, within ``Limits/last``. It runs once.
    public func run() async {
        // Its own task: with this one's end a request that is under way would end too.
        let sending = Task { await sendUntilFinished() }
        await withTaskCancellationHandler {
            await sending.value
        } onCancel: {
            batchIsFull.finish()
            Task { [limits] in
                try? await Task.sleep(for: limits.last)
                sending.cancel()
            }
        }
        state.withLock { state in
            state.dropped += UInt64(state.queue.count)
            state.queue = []
        }
    }

    private func sendUntilFinished() async {
        await withTaskGroup(of: Void.self) { group in
            group.addTask { [limits, batchIsFull] in
                while (try? await Task.sleep(for: limits.interval)) != nil { batchIsFull.yield() }
            }
            for await _ in batches { await flush() }
            group.cancelAll()
        }
        await flush()
    }

    /// Sends what is recorded by now, up to the first batch that the collector does not take.
    public func flush() async {
        while true {
            let batch = state.withLock { state in
                let batch = Array(state.queue.prefix(limits.batch))
                state.queue.removeFirst(batch.count)
                return batch
            }
            guard !batch.isEmpty else { return }
            do { try await send(OTLPEncoding.body(batch, of: resource)) } catch {
                if hasFailed(error, batch.count) { report(.failed(error)) }
                return
            }
            if hasSucceeded(batch.count) { report(.recovered) }
        }
    }

    /// - Returns: whether that is worth telling.
    private func hasFailed(_ error: any Error, _ count: Int) -> Bool {
        state.withLock { state in
            state.dropped += UInt64(count)
            state.isFailing = true
            let now = ContinuousClock.now
            guard !state.isTold, !Task.isCancelled, state.told.map({ now >= $0.advanced(by: limits.quiet) }) ?? true
            else { return false }
            (state.isTold, state.told) = (true, now)
            return true
        }
    }

    private func hasSucceeded(_ count: Int) -> Bool {
        state.withLock { state in
            state.sent += UInt64(count)
            state.isFailing = false
            defer { state.isTold = false }
            return state.isTold
        }
    }
}
