public import Broker
public import Formats
public import HTTP
public import HTTPServer

/// A handler's response.
public struct Response: Sendable {
    public var status: HTTPResponse.Status
    /// Header fields, without those of the connection and of the body's length, which the server adds.
    public var headers: HTTPFields
    public var body: [UInt8]
    /// The reason of a refusal, for metrics and records; not sent.
    public var refusal: Refusal?

    public init(status: HTTPResponse.Status, headers: HTTPFields = [:], body: [UInt8] = []) {
        self.status = status
        self.headers = headers
        self.body = body
    }

    /// Plain text.
    public init(status: HTTPResponse.Status, text: String) {
        self.init(status: status, headers: [.contentType: "text/plain; charset=utf-8"], body: Array(text.utf8))
    }

    /// Encoded JSON, marked as not cacheable.
    public init(status: HTTPResponse.Status = .ok, json: [UInt8]) {
        self.init(
            status: status, headers: [.contentType: "application/json", .cacheControl: "no-store"], body: json)
    }

    public init(status: HTTPResponse.Status = .ok, json: JSONValue) { self.init(status: status, json: json.encoded) }

    public var outgoing: OutgoingResponse { OutgoingResponse(status: status, headers: headers, body: body) }
}

/// A failure with an HTTP status, and perhaps a sentence for the caller.
public struct HTTPError: Error, Sendable, CustomStringConvertible {
    public let status: HTTPResponse.Status
    public let headers: HTTPFields
    /// The sentence.
    public let body: String?

    public init(_ status: HTTPResponse.Status, headers: HTTPFields = [:], message: String? = nil) {
        self.status = status
        self.headers = headers
        body = message
    }

    public var description: String { body ?? "\(status)" }

    public static func bodyTooLong(_ longest: Int) -> HTTPError {
        HTTPError(.contentTooLarge, message: "The body is longer than \(longest) bytes.")
    }
}
