/// A request's head.
public struct HTTPRequest: Sendable, Hashable {
    public var method: Method
    /// `http` or `https`, if the target is a URL.
    public var scheme: String?
    /// The host with an optional port: from `Host` or the target.
    public var authority: String?
    /// The path with its query, as received; `*` for the server as a whole.
    public var path: String
    public var headerFields: HTTPFields

    public init(
        method: Method, scheme: String? = nil, authority: String? = nil, path: String,
        headerFields: HTTPFields = [:]
    ) {
        self.method = method
        self.scheme = scheme
        self.authority = authority
        self.path = path
        self.headerFields = headerFields
    }
}

/// A response's head.
public struct HTTPResponse: Sendable, Hashable {
    public var status: Status
    public var headerFields: HTTPFields

    public init(status: Status, headerFields: HTTPFields = [:]) {
        self.status = status
        self.headerFields = headerFields
    }
}
