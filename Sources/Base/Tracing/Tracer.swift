import Synchronization

/// Takes spans when they end, on whatever thread they do. It must not wait.
public protocol Tracer: Sendable {
    func record(_ span: FinishedSpan)
}

/// Who records the current task's spans: nobody, where no tracer was put into its context.
public enum InstrumentationSystem {
    /// Read for each step of each request, so that a process without a tracer pays no more than a load.
    private static let isUsed = Atomic(false)

    /// The current task's.
    public static var tracer: (any Tracer)? {
        isUsed.load(ordering: .acquiring) ? ServiceContext.current?.tracer : nil
    }

    /// There is a tracer from now on.
    static func use() {
        // Each request of a server that traces comes here, on many cores.
        if !isUsed.load(ordering: .relaxed) { isUsed.store(true, ordering: .releasing) }
    }
}
