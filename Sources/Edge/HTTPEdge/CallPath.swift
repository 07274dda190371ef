import Bytes

/// A call's path: literal segments, `:name` for one segment, and at the end `**name` for the rest of the path. A slash
/// at the end makes a different path.
public struct CallPath: Sendable, Hashable, ExpressibleByStringInterpolation, CustomStringConvertible {
    enum Segment: Sendable, Hashable {
        case literal(String)
        case parameter(String)
        case rest(String)
    }

    let segments: [Segment]

    public init(stringLiteral text: String) { self.init(text) }

    public init(_ text: String) {
        let named: [Segment] = text.split(separator: "/").map { segment in
            if segment.hasPrefix("**") { return .rest(String(segment.dropFirst(2))) }
            return segment.first == ":" ? .parameter(String(segment.dropFirst())) : .literal(String(segment))
        }
        segments = !named.isEmpty && text.hasSuffix("/") ? named + [.literal("")] : named
    }

    /// The path for metrics and spans, e.g. `/api/v1/workloads/:workload`.
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

    var isLiteral: Bool { names.isEmpty }

    /// The first literal segment; empty if the path begins with a name, as none does.
    var firstSegment: String { if case .literal(let text)? = segments.first { text } else { "" } }

    var takesRest: Bool { if case .rest? = segments.last { true } else { false } }

    /// The names of the path's parameters.
    public var names: [String] {
        segments.compactMap { segment in
            switch segment {
            case .literal: nil
            case .parameter(let name), .rest(let name): name
            }
        }
    }

    /// As OpenAPI writes it: `/workloads/{workload}`.
    var template: String {
        segments.map { segment in
            switch segment {
            case .literal(let text): "/\(text)"
            case .parameter(let name), .rest(let name): "/{\(name)}"
            }
        }.joined()
    }

    /// Matches a request's path exactly: each segment once, none of them empty, no slash at the end. `**` matches one
    /// or more bytes of any kind.
    ///
    /// - Returns: the values of the names; nil if the path does not match.
    func match(_ path: String) -> Parameters? {
        var values: [(name: String, value: Substring)] = []
        var rest = path[...]
        for segment in segments {
            guard rest.utf8.first == UInt8(ascii: "/") else { return nil }
            rest = rest.dropFirst()
            if case .rest(let name) = segment {
                return rest.isEmpty ? nil : Parameters(values: values + [(name, rest)])
            }
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
        return rest.isEmpty ? Parameters(values: values) : nil
    }
}

/// The values of a path's names, as they were sent: percent-encoded.
public struct Parameters: Sendable {
    var values: [(name: String, value: Substring)] = []

    public subscript(name: String) -> Substring? { values.first { ExactText($0.name) == ExactText(name) }?.value }
}
