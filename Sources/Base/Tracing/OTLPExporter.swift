import Concurrency

/// Sends spans to a collector, in batches, as OTLP over HTTP with JSON.
///
/// Spans over the queue's limit are dropped, as are batches that the collector does not accept: memory is bounded, and
/// recording never waits. While sending fails, one batch is tried at each interval.
public final class OTLPExporter: Tracer {
    public struct Limits: Sendable {
        /// Queued spans.
        public var queue = 2_048
        /// Spans in one request.
        public var batch = 512
        /// The longest delay of a batch, and the pause before a failing collector is tried again.
        public var interval: Duration = .seconds(5)
        /// The time for sending the remaining spans at the end.
        public var last: Duration = .seconds(3)
        /// The shortest time between two ``Event/failed(_:)``.
        public var quiet: Duration = .seconds(60)

        public init() {}
    }

    /// An event for a log: a failure's beginning and its end.
    public enum Event: Sendable {
        case failed(any Error)
        case recovered
    }

    /// The path of spans at a collector.
    public static let path = "/v1/traces"

    private struct State {
        var queue: [FinishedSpan] = []
        var sent: UInt64 = 0
        var dropped: UInt64 = 0
        var isFailing = false
        /// Whether the current failure was reported, and the time of the last report.
        var isReported = false
        var reported: ContinuousClock.Instant?
    }

    private let resource: SpanAttributes
    private let limits: Limits
    private let send: @Sendable ([UInt8]) async throws -> Void
    private let report: @Sendable (Event) -> Void
    private let state = Lock(State())
    private let (batches, batchIsFull) = AsyncStream.makeStream(of: Void.self, bufferingPolicy: .bufferingNewest(1))

    /// - Parameters:
    ///   - resource: the attributes of the spans' source: `service.name`, `service.version`, …
    ///   - report: called when sending begins to fail, and when it works again.
    ///   - send: posts a body to the collector, with a timeout. It throws unless the collector accepted it.
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

    /// Spans accepted by the collector, and dropped spans.
    public var counts: (sent: UInt64, dropped: UInt64) { state.withLock { ($0.sent, $0.dropped) } }

    /// Sends recorded spans until the task is cancelled, and the remaining ones within ``Limits/last``. Call it once.
    public func run() async {
        // A task of its own: cancelling this one must not cancel a request.
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

    /// Sends the queued spans, up to the first failure.
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

    /// - Returns: whether to report the failure.
    private func hasFailed(_ error: any Error, _ count: Int) -> Bool {
        state.withLock { state in
            state.dropped += UInt64(count)
            state.isFailing = true
            let now = ContinuousClock.now
            guard !state.isReported, !Task.isCancelled,
                state.reported.map({ now >= $0.advanced(by: limits.quiet) }) ?? true
            else { return false }
            (state.isReported, state.reported) = (true, now)
            return true
        }
    }

    /// - Returns: whether to report the recovery.
    private func hasSucceeded(_ count: Int) -> Bool {
        state.withLock { state in
            state.sent += UInt64(count)
            state.isFailing = false
            defer { state.isReported = false }
            return state.isReported
        }
    }
}
