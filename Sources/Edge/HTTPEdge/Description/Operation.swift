public import Bytes
import Formats
public import HTTP

/// A call's description for programs: with method, path, right and body rule it makes the call's part of the API's
/// description.
public struct Operation: Sendable {
    public let id: String
    public let summary: String
    public var detail: String
    public var query: [Parameter]
    public var headers: [Parameter]
    public var body: Content?
    public var replies: [Reply]
    /// Statuses of failures, besides those that follow from the rest.
    public var failures: [HTTPResponse.Status]

    public init(
        _ id: String, _ summary: String, _ detail: String = "", query: [Parameter] = [], headers: [Parameter] = [],
        body: Content? = nil, replies: [Reply] = [], failures: [HTTPResponse.Status] = []
    ) {
        self.id = id
        self.summary = summary
        self.detail = detail
        self.query = query
        self.headers = headers
        self.body = body
        self.replies = replies
        self.failures = failures
    }

    /// A parameter of the query, or a header.
    public struct Parameter: Sendable {
        public let name: ExactText
        public let detail: String
        public let schema: Schema

        public init(_ name: ExactText, _ detail: String, _ schema: Schema = .text()) {
            self.name = name
            self.detail = detail
            self.schema = schema
        }

        public static let limit = Parameter(
            "limit", "Most entries of a page.",
            Schema(["type": "integer", "minimum": 1, "maximum": 1_000, "default": 100]))

        /// - Parameter what: the entry behind which a page begins.
        public static func after(_ what: String, _ schema: Schema = .text()) -> Parameter {
            Parameter("after", "Begin after this \(what).", schema)
        }

        public static let ifMatch = Parameter("If-Match", "Only if its ETag is this; `*`: only if there is one.")
        public static let ifNoneMatch = Parameter(
            "If-None-Match", "`*`: only if there is none.", Schema(["type": "string", "enum": ["*"]]))
    }

    /// The content of a request's body.
    public enum Content: Sendable {
        case json(Schema)
        /// Arbitrary bytes; the text describes them.
        case bytes(String)
    }

    /// A successful reply.
    public struct Reply: Sendable {
        let status: HTTPResponse.Status
        let detail: String
        /// Made on demand: most servers are never asked for their description.
        let schema: @Sendable () -> Schema?
        let headers: [(name: String, detail: String)]

        public init(
            _ status: HTTPResponse.Status, _ detail: String,
            _ schema: @autoclosure @escaping @Sendable () -> Schema? = nil,
            headers: [(name: String, detail: String)] = []
        ) {
            self.status = status
            self.detail = detail
            self.schema = schema
            self.headers = headers
        }
    }
}
