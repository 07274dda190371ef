public import Bytes

/// JSON to be written. Members keep their order.
///
/// ```swift
/// var reply: JSONValue = ["nonce": .text(nonce), "count": 3]
/// reply["cert"] = .bytes(certificate)
/// respond(with: reply.encoded)
/// ```
public enum JSONValue: Sendable {
    case null
    case bool(Bool)
    case integer(Int)
    /// Written as `null` unless finite.
    case number(Double)
    case text(String)
    /// An array of numbers of 0 to 255.
    case bytes([UInt8])
    case array([JSONValue])
    case object([Member])

    public struct Member: Sendable {
        public let name: String
        public let value: JSONValue

        public init(_ name: String, _ value: JSONValue) { (self.name, self.value) = (name, value) }
    }

    /// Members sorted by name.
    public init(_ members: [ExactText: JSONValue]) {
        self = .object(members.sorted { $0.key < $1.key }.map { Member($0.key.text, $0.value) })
    }

    public init(_ json: JSON) {
        switch json.kind {
        case .null: self = .null
        case .bool: self = .bool(json.node.kind == .isTrue)
        case .number: self = (try? json.integer()).map(JSONValue.integer) ?? .number(json.asNumber ?? .nan)
        case .text: self = .text(json.asText ?? "")
        case .array where json.node.kind == .smallNumbers: self = .bytes((try? json.bytes()) ?? [])
        // The recursion is bounded by the reader's limit.
        case .array: self = .array((json.asArray ?? []).map(JSONValue.init))
        case .object: self = .object((json.asMembers ?? []).map { Member($0.name.text, JSONValue($0.value)) })
        }
    }

    /// A member's value. Setting replaces a member of this name or appends one, and makes this an object; nil removes it.
    public subscript(name: String) -> JSONValue? {
        get { members?.first { ExactText($0.name) == ExactText(name) }?.value }
        set {
            guard newValue != nil || members != nil else { return }
            var members = members ?? []
            // So that the array has one reference and is changed in place.
            self = .null
            let index = members.firstIndex { ExactText($0.name) == ExactText(name) }
            switch (index, newValue) {
            case (let index?, let value?): members[index] = Member(name, value)
            case (let index?, nil): members.remove(at: index)
            case (nil, let value?): members.append(Member(name, value))
            case (nil, nil): break
            }
            self = .object(members)
        }
    }

    /// nil for another type than an object.
    public var members: [Member]? {
        guard case .object(let members) = self else { return nil }
        return members
    }

    /// UTF-8 without white space.
    public var encoded: [UInt8] {
        var json: [UInt8] = []
        append(to: &json)
        return json
    }

    public var encodedText: String { String(decoding: encoded, as: UTF8.self) }

    /// nil for another type than a text.
    public var asText: String? {
        guard case .text(let text) = self else { return nil }
        return text
    }

    /// Appends ``encoded``.
    public func append(to json: inout [UInt8]) {
        switch self {
        case .null: json.append(utf8: "null")
        case .bool(let value): json.append(utf8: value ? "true" : "false")
        case .integer(let value): json.append(utf8: String(value))
        case .number(let value): json.append(utf8: Self.digits(value))
        case .text(let value): JSONString.append(value, to: &json)
        case .bytes(let values): json.appendList(values, in: "[", "]") { $1.append(utf8: String($0)) }
        case .array(let values): json.appendList(values, in: "[", "]") { $0.append(to: &$1) }
        case .object(let members):
            json.appendList(members, in: "{", "}") { member, json in
                JSONString.append(member.name, to: &json)
                json.append(UInt8(ascii: ":"))
                member.value.append(to: &json)
            }
        }
    }

    private static func digits(_ value: Double) -> String {
        guard value.isFinite else { return "null" }
        return Int(exactly: value).map(String.init) ?? "\(value)"
    }
}

extension [UInt8] {
    /// Appends elements between brackets, separated by commas.
    @inline(__always)
    mutating func appendList<Item, Failure: Error>(
        _ items: [Item], in open: Unicode.Scalar, _ close: Unicode.Scalar,
        _ append: (Item, inout [UInt8]) throws(Failure) -> Void
    ) throws(Failure) {
        self.append(UInt8(ascii: open))
        for (index, item) in items.enumerated() {
            if index > 0 { self.append(UInt8(ascii: ",")) }
            try append(item, &self)
        }
        self.append(UInt8(ascii: close))
    }
}

/// Values are equal if their encodings are.
extension JSONValue: Equatable {
    public static func == (a: JSONValue, b: JSONValue) -> Bool { a.encoded == b.encoded }
}

extension JSONValue: ExpressibleByStringLiteral, ExpressibleByIntegerLiteral, ExpressibleByBooleanLiteral,
    ExpressibleByArrayLiteral, ExpressibleByDictionaryLiteral
{
    public init(stringLiteral value: String) { self = .text(value) }
    public init(integerLiteral value: Int) { self = .integer(value) }
    public init(booleanLiteral value: Bool) { self = .bool(value) }
    public init(arrayLiteral values: JSONValue...) { self = .array(values) }
    public init(dictionaryLiteral members: (String, JSONValue)...) { self = .object(members.map { Member($0, $1) }) }
}
