import Broker
import Bytes
public import Formats

/// A request's body: its declaration decides how it is read, written and described. Members are in snake case.
public protocol RequestMessage: Codable, Sendable {
    /// Schemas of members, more precise than their types, by name.
    static var members: [String: Schema] { get }
    /// Rules over several members, in JSON Schema.
    static var rules: JSONValue { get }
    /// Members of the reply that the message is set back from. They are passed over.
    static var readBack: [String] { get }
}

extension RequestMessage {
    public static var members: [String: Schema] { [:] }
    public static var rules: JSONValue { .object([]) }
    public static var readBack: [String] { [] }
}

/// A value with its own parser: it has several forms, or is written as a text.
public protocol JSONReadable: Decodable {
    static var schema: Schema { get }

    init(_ json: JSON) throws
}

extension JSONReadable {
    public init(from decoder: any Decoder) throws {
        guard let decoder = decoder as? MessageDecoder else { throw MalformedInput("it", "is read from JSON alone") }
        try self.init(decoder.json)
    }
}

extension Request {
    /// The body, as a message.
    ///
    /// - Throws: a ``Refusal`` that names the field and the accepted values. It repeats times, words and names of members; a
    ///   secret is read by hand, in a ``JSONReadable``. The body is wiped.
    public func message<Message: Decodable>(_ type: Message.Type = Message.self) async throws -> Message {
        var body = try await jsonBody()
        var limits = JSON.Limits()
        // Requests of this process to itself.
        if longestBody == .max { limits.values = 1 << 20 }
        do {
            let json = try JSON(wiping: &body, limits: limits)
            guard json.kind == .object else { throw Refusal(.malformed, "The body is not a JSON object.") }
            return try json.message()
        } catch let error as MalformedInput {
            throw Refusal(
                .malformed,
                error.subject.isEmpty || error.subject == "JSON"
                    ? "The body is not JSON that can be used: \(error.reason)."
                    : "The field \(error.subject) \(error.reason).")
        }
    }
}
