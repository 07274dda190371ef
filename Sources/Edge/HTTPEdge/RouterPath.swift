/// A route's path: literal segments, `:name` for one segment, and at the end `**` for everything that follows. A slash at
/// the end makes it another path.
public struct RouterPath: Sendable, Hashable, ExpressibleByStringInterpolation, CustomStringConvertible {
    enum Segment: Sendable, Hashable {
        case literal(String)
        case parameter(String)
        case rest
    }

    let segments: [Segment]
    /// The segments up to the first that is not literal, with a slash before each and, where more follows, after the last.
    private let literalPrefix: String

    public init(stringLiteral text: String) { self.init(text) }

    public init(_ text: String) {
        let named: [Segment] = text.split(separator: "/").map { segment in
            if segment == "**" { return .rest }
            return segment.first == ":" ? .parameter(String(segment.dropFirst())) : .literal(String(segment))
        }
        segments = !named.isEmpty && text.hasSuffix("/") ? named + [.literal("")] : named
        literalPrefix = Self.literalPrefix(of: segments)
    }

    /// With a slash before each segment.
    public var description: String {
        segments.isEmpty
            ? "/"
            : segments.map { segment in
                switch segment {
                case .literal(let text): "/\(text)"
                case .parameter(let name): "/:\(name)"
                case .rest: "/**"
                }
            }.joined()
    }

    private static func literalPrefix(of segments: [Segment]) -> String {
        var prefix = ""
        for segment in segments {
            guard case .literal(let text) = segment else { return prefix + "/" }
            prefix += "/\(text)"
        }
        return prefix.isEmpty ? "/" : prefix
    }

    var isLiteral: Bool { segments.allSatisfy { if case .literal = $0 { true } else { false } } }

    /// Whether a path has this form exactly: each segment once, none of them empty, no slash behind the last. What `**`
    /// stands for is at least one byte, and otherwise whatever it is.
    ///
    /// - Returns: what stands in the places of names; nil when the path is another.
    func match(_ path: String) -> [(name: String, value: Substring)]? {
        guard path.utf8.starts(with: literalPrefix.utf8) else { return nil }
        var values: [(name: String, value: Substring)] = []
        var rest = path[...]
        for segment in segments {
            guard rest.utf8.first == UInt8(ascii: "/") else { return nil }
            rest = rest.dropFirst()
            if case .rest = segment { return rest.isEmpty ? nil : values }
            let end = rest.utf8.firstIndex(of: UInt8(ascii: "/")) ?? rest.endIndex
            let found = rest[..<end]
            switch segment {
            case .literal(let text): guard found.utf8.elementsEqual(text.utf8) else { return nil }
            case .parameter(let name):
                guard !found.isEmpty else { return nil }
                values.append((name, found))
            case .rest: return nil
            }
            rest = rest[end...]
        }
        return rest.isEmpty ? values : nil
    }
}
