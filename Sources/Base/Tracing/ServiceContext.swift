/// What goes along with a task, through every call that it makes: the request that it answers, and the trace that it is
/// part of.
public struct ServiceContext: Sendable {
    /// The current task's.
    @TaskLocal public static var current: ServiceContext?

    /// Of a task that nothing led to.
    public static let topLevel = ServiceContext()

    /// Of the request that is being answered.
    public var requestID: RequestID?
    /// Who sent it: an address, or the user at the other end of a Unix socket. Its text is made where somebody wants it.
    public var caller: (any CustomStringConvertible & Sendable)?
    /// The span that new ones are children of, here or in the caller's process.
    public var spanContext: SpanContext?
    /// Who records this task's spans.
    public var tracer: (any Tracer)? {
        didSet { if tracer != nil { InstrumentationSystem.use() } }
    }

    public init() {}
}
