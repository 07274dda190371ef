/// What is said of a span.
public enum SpanAttribute: Sendable, Hashable {
    case string(String)
    case int64(Int64)
}

/// A type whose values can be said of a span.
public protocol SpanAttributeConvertible {
    var spanAttribute: SpanAttribute { get }
}

extension SpanAttribute: SpanAttributeConvertible {
    public var spanAttribute: SpanAttribute { self }
}

extension String: SpanAttributeConvertible {
    public var spanAttribute: SpanAttribute { .string(self) }
}

extension Int64: SpanAttributeConvertible {
    public var spanAttribute: SpanAttribute { .int64(self) }
}

extension Int: SpanAttributeConvertible {
    public var spanAttribute: SpanAttribute { .int64(Int64(self)) }
}

/// A span's attributes. They are bounded: 32 at most, and text of 256 bytes at most, of which the rest is left out.
///
/// They are seen by whoever runs the collector, so no secret, token, cookie, body or path belongs into them.
public struct SpanAttributes: Sendable, Hashable {
    /// Names with their values, in the order in which they were set first.
    public private(set) var all: [(name: String, value: SpanAttribute)] = []

    static let most = 32
    static let longest = 256

    public init() {}

    public func get(_ name: String) -> SpanAttribute? { all.first { $0.name == name }?.value }

    public subscript(name: String) -> (any SpanAttributeConvertible)? {
        get { get(name) }
        set {
            let index = all.firstIndex { $0.name == name }
            switch (index, newValue.map { Self.cut($0.spanAttribute) }) {
            case (let index?, let value?): all[index].value = value
            case (let index?, nil): all.remove(at: index)
            case (nil, let value?): if all.count < Self.most { all.append((name, value)) }
            case (nil, nil): break
            }
        }
    }

    private static func cut(_ value: SpanAttribute) -> SpanAttribute {
        guard case .string(let text) = value, text.utf8.count > longest else { return value }
        var cut = ""
        var length = 0
        for scalar in text.unicodeScalars {
            length += UTF8.width(scalar)
            guard length <= longest else { break }
            cut.unicodeScalars.append(scalar)
        }
        return .string(cut)
    }

    public static func == (one: SpanAttributes, other: SpanAttributes) -> Bool {
        one.all.elementsEqual(other.all) { $0.name == $1.name && $0.value == $1.value }
    }

    public func hash(into hasher: inout Hasher) {
        for (name, value) in all {
            hasher.combine(name)
            hasher.combine(value)
        }
    }
}
