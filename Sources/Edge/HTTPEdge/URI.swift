import HTTP

/// A request's target in its parts, as it was sent: percent-encoded.
public struct URI: Sendable, Hashable, CustomStringConvertible {
    /// Path and query, as they were sent.
    public let string: String
    public let path: String
    /// The text after the question mark; nil without one.
    public let query: String?

    public init(_ string: String) {
        self.string = string
        let end = string.utf8.firstIndex(of: UInt8(ascii: "?")) ?? string.endIndex
        path = String(string[..<end])
        query = end == string.endIndex ? nil : String(string[string.utf8.index(after: end)...])
    }

    public var description: String { string }

    /// The query's names, as sent, and values, decoded, in their order. A name without `=` has an empty value. A value
    /// with an invalid percent sign stays as sent; bytes that are not UTF-8 become replacement characters.
    public var queryParameters: [(name: String, value: String)] {
        var pairs = (query ?? "").split(separator: "&", omittingEmptySubsequences: false)
        // An empty query, or a final `&`.
        if pairs.last?.isEmpty == true { pairs.removeLast() }
        return pairs.map { pair in
            let parts = pair.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false)
            return (String(parts[0]), parts.count > 1 ? Self.decoded(parts[1]) : "")
        }
    }

    private static func decoded(_ text: Substring) -> String {
        PercentEncoding.bytes(text).map { String(decoding: $0, as: UTF8.self) } ?? String(text)
    }
}
