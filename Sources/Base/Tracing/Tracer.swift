import Synchronization

/// A recorder of spans.
public protocol Tracer: Sendable {
    /// Called when a span ends, on any thread. It must not block.
    func record(_ span: FinishedSpan)
}

public enum InstrumentationSystem {
    /// Checked for each step of each request, so that a process without a tracer pays one load.
    private static let isUsed = Atomic(false)

    /// The tracer of the current task's context.
    public static var tracer: (any Tracer)? {
        isUsed.load(ordering: .acquiring) ? ServiceContext.current?.tracer : nil
    }

    /// Called when a context gets a tracer.
    static func use() {
        // Checked first: a store for each traced request would contend between cores.
        if !isUsed.load(ordering: .relaxed) { isUsed.store(true, ordering: .releasing) }
    }
}
