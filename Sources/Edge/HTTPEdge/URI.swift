import HTTP

/// A request's target in its parts, as it was sent: percent-encoded.
public struct URI: Sendable, Hashable, CustomStringConvertible {
    /// Path and query, as they were sent.
    public let string: String
    public let path: String
    /// Behind the question mark; nil without one.
    public let query: String?

    public init(_ string: String) {
        self.string = string
        let end = string.utf8.firstIndex(of: UInt8(ascii: "?")) ?? string.endIndex
        path = String(string[..<end])
        query = end == string.endIndex ? nil : String(string[string.utf8.index(after: end)...])
    }

    public var description: String { string }

    /// The query's names and values in their order, decoded. A name without a sign of equality has an empty value; what
    /// cannot be decoded stands as it was sent.
    public var queryParameters: [(name: String, value: String)] {
        (query ?? "").split(separator: "&").map { pair in
            let parts = pair.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false)
            return (Self.decoded(parts[0]), parts.count > 1 ? Self.decoded(parts[1]) : "")
        }
    }

    private static func decoded(_ text: Substring) -> String { PercentEncoding.decode(text) ?? String(text) }
}
