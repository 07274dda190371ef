import Concurrency
import Synchronization

/// Takes spans when they end, on whatever thread they do. It must not wait.
public protocol Tracer: Sendable {
    func record(_ span: FinishedSpan)
}

/// Who records this process' spans: nobody, until a tracer is put there.
public enum InstrumentationSystem {
    /// Read for each step of each request, so that a process without a tracer pays no more than a load.
    private static let isUsed = Atomic(false)
    private static let slot = Lock<(any Tracer)?>(nil)

    /// Puts the process' tracer in place, at its start.
    public static func bootstrap(_ tracer: any Tracer) {
        slot.withLock { $0 = tracer }
        use()
    }

    /// The current task's, or else the process' own.
    public static var tracer: (any Tracer)? {
        guard isUsed.load(ordering: .acquiring) else { return nil }
        return ServiceContext.current?.tracer ?? slot.withLock { $0 }
    }

    /// There is a tracer, the process' or a task's.
    static func use() {
        // Each request of a server that traces comes here, on many cores.
        if !isUsed.load(ordering: .relaxed) { isUsed.store(true, ordering: .releasing) }
    }
}

/// Has what `body` does recorded by `tracer`, and nobody else's spans.
public func withTracer<T>(_ tracer: any Tracer, _ body: () async throws -> T) async rethrows -> T {
    var context = ServiceContext.current ?? .topLevel
    context.tracer = tracer
    return try await ServiceContext.$current.withValue(context) { try await body() }
}
