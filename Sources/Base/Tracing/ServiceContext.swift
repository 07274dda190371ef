/// A task's context: the request that it answers, and its trace.
public struct ServiceContext: Sendable {
    /// The current task's context.
    @TaskLocal public static var current: ServiceContext?

    /// The context of a task without a request.
    public static let topLevel = ServiceContext()

    public var requestID: RequestID?
    /// The request's sender: an address, or the user at the other end of a Unix socket. Its text is made on demand.
    public var caller: (any CustomStringConvertible & Sendable)?
    /// The parent of new spans, in this process or the caller's.
    public var spanContext: SpanContext?
    /// Records this task's spans.
    public var tracer: (any Tracer)? {
        didSet { if tracer != nil { InstrumentationSystem.use() } }
    }

    public init() {}
}
