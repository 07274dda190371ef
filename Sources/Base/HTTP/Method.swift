extension HTTPRequest {
    /// A request's method. Comparison is case-sensitive.
    public struct Method: RawRepresentable, Sendable, Hashable, LosslessStringConvertible {
        public let rawValue: String

        /// - Returns: nil unless it is a token (RFC 9110, section 5.6.2).
        public init?(_ method: String) {
            guard !method.isEmpty, method.utf8.allSatisfy(\.isTokenCharacter) else { return nil }
            rawValue = method
        }

        public init?(rawValue: String) { self.init(rawValue) }

        private init(known: String) { rawValue = known }

        public var description: String { rawValue }
    }
}

extension HTTPRequest.Method {
    public static var get: Self { Self(known: "GET") }
    public static var head: Self { Self(known: "HEAD") }
    public static var post: Self { Self(known: "POST") }
    public static var put: Self { Self(known: "PUT") }
    public static var patch: Self { Self(known: "PATCH") }
    public static var delete: Self { Self(known: "DELETE") }
    public static var options: Self { Self(known: "OPTIONS") }
    public static var trace: Self { Self(known: "TRACE") }
    /// A safe method whose body is the query.
    public static var query: Self { Self(known: "QUERY") }

    /// The supported methods. Others, such as CONNECT, are answered with 501.
    public static let known: [Self] = [.get, .head, .post, .put, .patch, .delete, .options, .trace, .query]
}
