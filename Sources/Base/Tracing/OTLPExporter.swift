import Concurrency

/// Sends spans to a collector, in batches, as OTLP over HTTP with JSON.
///
/// A span that finds the queue full is dropped, and so is a batch that the collector does not take: nobody ever waits for
/// it, and its memory is bounded.
public final class OTLPExporter: Tracer {
    public struct Limits: Sendable {
        /// How many spans wait at most.
        public var queue = 2_048
        /// How many go in one request.
        public var batch = 512
        /// How long one waits for others at most.
        public var interval: Duration = .seconds(5)

        public init() {}
    }

    /// Worth a line in a log: once when it begins, once when it is over.
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
            return state.queue.count == limits.batch
        }
        if isFull { batchIsFull.yield() }
    }

    /// Spans that the collector has, and those that were dropped.
    public var counts: (sent: UInt64, dropped: UInt64) { state.withLock { ($0.sent, $0.dropped) } }

    /// Sends what is recorded, until the task is cancelled; then what is left, once.
    public func run() async {
        await withTaskGroup(of: Void.self) { group in
            group.addTask { [limits, batchIsFull] in
                while (try? await Task.sleep(for: limits.interval)) != nil { batchIsFull.yield() }
            }
            for await _ in batches { await flush() }
            group.cancelAll()
        }
        // Its own task: this one has been cancelled, and its requests would end at once.
        await Task { await flush() }.value
    }

    /// Sends what is recorded by now.
    public func flush() async {
        while true {
            let batch = state.withLock { state in
                let batch = Array(state.queue.prefix(limits.batch))
                state.queue.removeFirst(batch.count)
                return batch
            }
            guard !batch.isEmpty else { return }
            let outcome: Result<Void, any Error>
            do { outcome = .success(try await send(OTLPEncoding.body(batch, of: resource))) } catch {
                outcome = .failure(error)
            }
            if let event = settle(batch.count, outcome) { report(event) }
        }
    }

    private func settle(_ count: Int, _ outcome: Result<Void, any Error>) -> Event? {
        state.withLock { state in
            defer { state.isFailing = if case .failure = outcome { true } else { false } }
            switch outcome {
            case .success:
                state.sent += UInt64(count)
                return state.isFailing ? .recovered : nil
            case .failure(let error):
                state.dropped += UInt64(count)
                return state.isFailing ? nil : .failed(error)
            }
        }
    }
}
