/// A malformed message. A server answers it with ``status`` and ends the connection, as the next message's beginning is
/// unknown.
public struct MalformedMessage: Error, Hashable, Sendable, CustomStringConvertible {
    /// The malformed part; a metric's label.
    public enum Part: String, Sendable, Hashable, CaseIterable {
        /// The PROXY protocol's header, before the first message.
        case proxy
        case startLine = "start_line"
        case method
        case target
        case version
        case field
        case host
        case bodyLength = "body_length"
        case coding
        case expectation
        case chunk
        /// A limit is exceeded.
        case size
        /// The connection ended within the message.
        case end
    }

    public let part: Part
    public let status: HTTPResponse.Status
    /// A sentence with the fault and the rule, without the message's text.
    public let reason: String

    /// Answered with 400.
    public init(_ part: Part, _ reason: String) { self.init(part, .badRequest, reason) }

    public init(_ part: Part, _ status: HTTPResponse.Status, _ reason: String) {
        self.part = part
        self.status = status
        self.reason = reason
    }

    public var description: String { reason }
}
