/// Size limits of a message's head.
public struct HeadLimits: Sendable, Hashable {
    /// The request line, in bytes.
    public var target = 16 * 1_024
    /// One field with its name, in bytes.
    public var field = 16 * 1_024
    /// The head as a whole, in bytes.
    public var head = 32 * 1_024
    /// Number of fields.
    public var fields = 100

    public init() {}

    func startLineTooLong() -> MalformedMessage {
        MalformedMessage(.size, .uriTooLong, "The first line of the request is longer than \(target) bytes.")
    }

    func fieldTooLong() -> MalformedMessage {
        MalformedMessage(.size, .requestHeaderFieldsTooLarge, "A header field is longer than \(field) bytes.")
    }

    func headTooLong() -> MalformedMessage {
        MalformedMessage(.size, .requestHeaderFieldsTooLarge, "The header is longer than \(head) bytes.")
    }

    func tooManyFields() -> MalformedMessage {
        MalformedMessage(.size, .requestHeaderFieldsTooLarge, "There are more than \(fields) header fields.")
    }
}
