public import HTTP
public import HTTPServer

public typealias Response = OutgoingResponse
public typealias ResponseBody = OutgoingResponse.Body

/// A failure that has an HTTP status, and perhaps a sentence for whoever made the request.
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
