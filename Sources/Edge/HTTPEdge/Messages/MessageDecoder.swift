public import Bytes
public import Formats
import FoundationEssentials

extension JSON {
    /// The value as a message of this type, whose members are written in snake case.
    ///
    /// - Parameter passesOver: whether unknown members are ignored; otherwise they are an error.
    /// - Throws: ``MalformedInput`` that names the member and the accepted values.
    public func message<Message: Decodable>(
        _ type: Message.Type = Message.self, passingOverUnknown passesOver: Bool = false
    ) throws -> Message {
        try MessageDecoder(self, passesOver: passesOver).value(of: type)
    }

    /// - Throws: ``MalformedInput`` with the name of the object's first unknown member.
    public func expectMembers(
        _ known: [ExactText], passingOver readBack: [ExactText] = []
    ) throws(MalformedInput) {
        guard let unknown = try members().first(where: { !known.contains($0.name) && !readBack.contains($0.name) })
        else { return }
        throw MalformedInput(
            unknown.value.path, "is not known here: there are \(known.map(\.text).joined(separator: ", "))")
    }

    /// Parses a text; `null` is refused.
    public func value<Value>(_ wanted: String, _ read: (String) -> Value?) throws(MalformedInput) -> Value {
        guard let value = read(try text()) else { throw unfit(wanted, quoting: true) }
        return value
    }
}

/// Decodes a type from strictly parsed JSON, and records the requested members.
final class MessageDecoder: Decoder {
    let json: JSON
    private let passesOver: Bool
    private var asked: [ExactText] = []
    var codingPath: [any CodingKey] { [] }
    var userInfo: [CodingUserInfoKey: Any] { [:] }

    init(_ json: JSON, passesOver: Bool) { (self.json, self.passesOver) = (json, passesOver) }

    func value<Value: Decodable>(of type: Value.Type) throws -> Value {
        let value: Any =
            switch type {
            case is Bool.Type: try json.bool()
            case is String.Type: try json.text()
            case is Int.Type: try json.integer(Int.self)
            case is Int64.Type: try json.integer(Int64.self)
            case is Double.Type: try json.number()
            case is Date.Type:
                try json.value("a time as RFC 3339 has it, e.g. 2027-01-31T00:00:00Z") { RFC3339.date($0) }
            case let type as any JSONReadable.Type: try type.init(json)
            case let type as any MessageCollection.Type: try type.read(self)
            case let type as any (RawRepresentable<String> & CaseIterable).Type: try word(of: type)
            default: try members(of: type)
            }
        guard let value = value as? Value else { throw json.unfit("another value") }
        return value
    }

    private func members<Value: Decodable>(of type: Value.Type) throws -> Value {
        _ = try json.members()
        let value = try Value(from: self)
        let readBack = (type as? any RequestMessage.Type)?.readBack ?? []
        if !passesOver { try json.expectMembers(asked, passingOver: readBack.map { ExactText($0) }) }
        return value
    }

    private func word<Words: RawRepresentable<String> & CaseIterable>(of type: Words.Type) throws -> Words {
        let words = type.allCases.map(\.rawValue).joined(separator: ", ")
        return try json.value("one of \(words)") { text in
            type.allCases.first { ExactText($0.rawValue) == ExactText(text) }
        }
    }

    /// The decoder of an element or member.
    func within(_ json: JSON) -> MessageDecoder { MessageDecoder(json, passesOver: passesOver) }

    func container<Key: CodingKey>(keyedBy type: Key.Type) -> KeyedDecodingContainer<Key> {
        KeyedDecodingContainer(Members(decoder: self))
    }

    func unkeyedContainer() throws -> any UnkeyedDecodingContainer { throw json.unfit("an object") }
    func singleValueContainer() throws -> any SingleValueDecodingContainer { throw json.unfit("an object") }

    private struct Members<Key: CodingKey>: PlainMembers {
        let decoder: MessageDecoder

        func contains(_ key: Key) -> Bool {
            decoder.asked.append(ExactText(key.memberName))
            return decoder.json[key.memberName] != nil
        }

        func decodeNil(forKey key: Key) -> Bool { decoder.json[key.memberName]?.kind == .null }

        func decode<Value: Decodable>(_ type: Value.Type, forKey key: Key) throws -> Value {
            decoder.asked.append(ExactText(key.memberName))
            return try decoder.within(try decoder.json.member(key.memberName)).value(of: type)
        }
    }
}

extension CodingKey {
    /// The key in snake case; keys already written so are unchanged.
    var memberName: String {
        var name = ""
        for letter in stringValue.unicodeScalars {
            if ("A"..."Z").contains(letter) {
                name.unicodeScalars.append("_")
                name.unicodeScalars.append(Unicode.Scalar(UInt8(letter.value) | 0x20))
            } else {
                name.unicodeScalars.append(letter)
            }
        }
        return name
    }
}

/// A list or dictionary in a message.
protocol MessageCollection {
    static func read(_ decoder: MessageDecoder) throws -> Self
    static func record(_ recorder: SchemaRecorder) -> Self
}

extension Array: MessageCollection where Element: Decodable {
    static func read(_ decoder: MessageDecoder) throws -> [Element] {
        try decoder.json.array().map { try decoder.within($0).value(of: Element.self) }
    }

    static func record(_ recorder: SchemaRecorder) -> [Element] {
        _ = recorder.value(of: Element.self)
        recorder.schema = .array(of: recorder.schema)
        return []
    }
}

extension Dictionary: MessageCollection where Key == String, Value: Decodable {
    static func read(_ decoder: MessageDecoder) throws -> [String: Value] {
        try decoder.json.members().reduce(into: [:]) {
            $0[$1.name.text] = try decoder.within($1.value).value(of: Value.self)
        }
    }

    static func record(_ recorder: SchemaRecorder) -> [String: Value] {
        _ = recorder.value(of: Value.self)
        recorder.schema.wrap { ["type": "object", "additionalProperties": $0] }
        return [:]
    }
}

/// The members of a message's object: keys are neither enumerated nor nested by hand.
protocol PlainMembers: KeyedDecodingContainerProtocol {
    associatedtype Reader: Decoder
    var decoder: Reader { get }
}

extension PlainMembers {
    var codingPath: [any CodingKey] { [] }
    var allKeys: [Key] { [] }

    func nestedContainer<Nested: CodingKey>(
        keyedBy type: Nested.Type, forKey key: Key
    ) throws -> KeyedDecodingContainer<Nested> { throw MalformedInput(key.stringValue, "is nested") }
    func nestedUnkeyedContainer(forKey key: Key) throws -> any UnkeyedDecodingContainer {
        throw MalformedInput(key.stringValue, "is nested")
    }
    func superDecoder() throws -> any Decoder { decoder }
    func superDecoder(forKey key: Key) throws -> any Decoder { decoder }
}
