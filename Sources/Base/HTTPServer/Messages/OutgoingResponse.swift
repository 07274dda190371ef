public import HTTP

/// A handler's response.
public struct OutgoingResponse: Sendable {
    public var status: HTTPResponse.Status
    /// Header fields, without those of the connection and of the body's length, which the server adds.
    public var headers: HTTPFields
    public var body: [UInt8]

    public init(status: HTTPResponse.Status, headers: HTTPFields = [:], body: [UInt8] = []) {
        self.status = status
        self.headers = headers
        self.body = body
    }

    /// Plain text.
    public init(status: HTTPResponse.Status, text: String) {
        self.init(status: status, headers: [.contentType: "text/plain; charset=utf-8"], body: Array(text.utf8))
    }
}
