extension HTTPResponse {
    /// A response's status. Comparison is by code.
    public struct Status: Sendable, Hashable, ExpressibleByIntegerLiteral, CustomStringConvertible {
        /// Three digits.
        public let code: Int
        public let reasonPhrase: String

        /// - Parameter code: outside of 100…999 it becomes 500.
        public init(code: Int) { self.init(code: code, reasonPhrase: Self.phrase(code)) }

        /// - Parameter code: outside of 100…999 it becomes 500.
        public init(code: Int, reasonPhrase: String) {
            self.code = (100...999).contains(code) ? code : 500
            self.reasonPhrase = reasonPhrase
        }

        public init(integerLiteral code: Int) { self.init(code: code) }

        public static func == (one: Self, other: Self) -> Bool { one.code == other.code }
        public func hash(into hasher: inout Hasher) { hasher.combine(code) }

        public var description: String { reasonPhrase.isEmpty ? "\(code)" : "\(code) \(reasonPhrase)" }

        /// Whether a response with it never has a body, whatever its fields.
        public var hasNoBody: Bool { code < 200 || code == 204 || code == 304 }
    }
}

extension HTTPResponse.Status {
    public static var ok: Self { 200 }
    public static var created: Self { 201 }
    public static var noContent: Self { 204 }
    public static var badRequest: Self { 400 }
    public static var unauthorized: Self { 401 }
    public static var forbidden: Self { 403 }
    public static var notFound: Self { 404 }
    public static var methodNotAllowed: Self { 405 }
    public static var conflict: Self { 409 }
    public static var preconditionFailed: Self { 412 }
    public static var contentTooLarge: Self { 413 }
    public static var uriTooLong: Self { 414 }
    public static var unsupportedMediaType: Self { 415 }
    public static var expectationFailed: Self { 417 }
    public static var tooManyRequests: Self { 429 }
    public static var requestHeaderFieldsTooLarge: Self { 431 }
    /// The client closed the connection before the response: nginx's code for logs, not in RFC 9110.
    public static var clientClosedRequest: Self { 499 }
    public static var internalServerError: Self { 500 }
    public static var notImplemented: Self { 501 }
    public static var badGateway: Self { 502 }
    public static var serviceUnavailable: Self { 503 }
    public static var httpVersionNotSupported: Self { 505 }

    /// Source: RFC 9110, section 15, and RFC 6585.
    private static func phrase(_ code: Int) -> String {
        switch code {
        case 100: "Continue"
        case 101: "Switching Protocols"
        case 200: "OK"
        case 201: "Created"
        case 202: "Accepted"
        case 204: "No Content"
        case 205: "Reset Content"
        case 206: "Partial Content"
        case 301: "Moved Permanently"
        case 302: "Found"
        case 303: "See Other"
        case 304: "Not Modified"
        case 307: "Temporary Redirect"
        case 308: "Permanent Redirect"
        case 400: "Bad Request"
        case 401: "Unauthorized"
        case 402: "Payment Required"
        case 403: "Forbidden"
        case 404: "Not Found"
        case 405: "Method Not Allowed"
        case 406: "Not Acceptable"
        case 407: "Proxy Authentication Required"
        case 408: "Request Timeout"
        case 409: "Conflict"
        case 410: "Gone"
        case 411: "Length Required"
        case 412: "Precondition Failed"
        case 413: "Content Too Large"
        case 414: "URI Too Long"
        case 415: "Unsupported Media Type"
        case 416: "Range Not Satisfiable"
        case 417: "Expectation Failed"
        case 421: "Misdirected Request"
        case 422: "Unprocessable Content"
        case 426: "Upgrade Required"
        case 428: "Precondition Required"
        case 429: "Too Many Requests"
        case 431: "Request Header Fields Too Large"
        case 500: "Internal Server Error"
        case 501: "Not Implemented"
        case 502: "Bad Gateway"
        case 503: "Service Unavailable"
        case 504: "Gateway Timeout"
        case 505: "HTTP Version Not Supported"
        default: ""
        }
    }
}
