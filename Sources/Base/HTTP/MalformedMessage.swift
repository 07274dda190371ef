/// Why a message cannot be read. A server answers it with ``status`` and ends the connection: after it nobody knows
/// where the next message would begin.
public struct MalformedMessage: Error, Hashable, Sendable, CustomStringConvertible {
    /// Which part is wrong. Stable: a metric's label.
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
        /// Something is longer, or there is more of it, than is taken.
        case size
        /// The connection ended in the middle of it.
        case end
    }

    public let part: Part
    public let status: HTTPResponse.Status
    /// A sentence that says what was found and what may be, without repeating any of it.
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
