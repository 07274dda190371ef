/// The value of a span's attribute.
public enum SpanAttribute: Sendable, Hashable {
    case string(String)
    case int64(Int64)
}

/// A type whose values can be attributes of a span.
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

/// A span's attributes: at most 32, with text truncated to 256 bytes.
///
/// The collector's operators see them: they must hold no secret, token, cookie, body or path.
public struct SpanAttributes: Sendable, Hashable {
    /// Names and values, in the order in which they were first set.
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
