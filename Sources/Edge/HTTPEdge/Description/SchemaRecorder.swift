import Bytes
import Formats
import FoundationEssentials

extension Schema {
    /// The schema of a message's type.
    ///
    /// Decodes the type with a decoder that records the requested members, so that the schema cannot differ from the
    /// type.
    public init<Message: Decodable>(of type: Message.Type) {
        let recorder = SchemaRecorder()
        _ = recorder.value(of: type)
        self = recorder.schema
    }
}

/// A reply's type with descriptions of its members.
public protocol DescribedReply {
    /// Descriptions by member name.
    static var details: [String: String] { get }
    /// The schema's name, if it is not the type's own.
    static var schemaName: String? { get }
}

extension DescribedReply {
    public static var schemaName: String? { nil }
}

/// A decoder that supplies a value for every request and records the requests.
final class SchemaRecorder: Decoder {
    var schema = Schema(.object([]))
    /// An object's members, in the order of the requests.
    private var members: [(name: String, schema: Schema, isRequired: Bool)] = []
    var codingPath: [any CodingKey] { [] }
    var userInfo: [CodingUserInfoKey: Any] { [:] }

    /// Any value of the type. Sets ``schema`` to the type's schema.
    func value<Value: Decodable>(of type: Value.Type) -> Value? {
        switch type {
        case is Bool.Type: return note(.bool, false)
        case is String.Type: return note(.text(), "")
        case is Int.Type: return note(Schema(["type": "integer"]), 0)
        case is Int64.Type: return note(Schema(["type": "integer", "format": "int64"]), Int64(0))
        case is Double.Type: return note(Schema(["type": "number"]), 0.0)
        case is Date.Type:
            return note(Schema(["type": "string", "format": "date-time"]), Date(timeIntervalSince1970: 0))
        default: break
        }
        switch type {
        case let type as any JSONReadable.Type: return note(type.schema, ())
        case let type as any MessageCollection.Type: return type.record(self) as? Value
        case let type as any (RawRepresentable<String> & CaseIterable).Type: return words(type) as? Value
        default: break
        }
        let value = try? Value(from: self)
        let (reply, request) = (type as? any DescribedReply.Type, type as? any RequestMessage.Type)
        var properties: JSONValue = .object([])
        var object = Schema(["type": "object"])
        for member in members {
            var schema = request?.members[member.name] ?? member.schema
            if let detail = reply?.details[member.name] { schema = schema.saying(detail) }
            properties[member.name] = schema.json
            object.adopt(schema)
        }
        object.set("required", .array(members.filter(\.isRequired).map { .text($0.name) }))
        for name in request?.readBack ?? [] {
            properties[name] = ["description": "Passed over: it stands where this is read back."]
        }
        object.set("properties", properties)
        if let request {
            object.set("additionalProperties", false)
            for rule in request.rules.members ?? [] { object.set(rule.name, rule.value) }
        }
        let given = reply?.schemaName ?? "\(type)"
        let name = given.split(separator: ".").last.map(String.init) ?? given
        schema = object.named(name.hasSuffix("Summary") ? String(name.dropLast(7)) : name)
        return value
    }

    private func note<Value>(_ schema: Schema, _ value: some Any) -> Value? {
        self.schema = schema
        return value as? Value
    }

    private func words<Words: RawRepresentable<String> & CaseIterable>(_ type: Words.Type) -> Words? {
        schema = Schema(["type": "string", "enum": .array(type.allCases.map { .text($0.rawValue) })])
        return type.allCases.first
    }

    /// - Returns: `nil` for a type without a constructible value.
    fileprivate func member<Value: Decodable>(_ name: String, _ type: Value.Type, isRequired: Bool) -> Value? {
        let recorder = SchemaRecorder()
        let value = recorder.value(of: type)
        members.append((name, recorder.schema, isRequired))
        return value
    }

    func container<Key: CodingKey>(keyedBy type: Key.Type) -> KeyedDecodingContainer<Key> {
        KeyedDecodingContainer(Keyed(decoder: self))
    }

    func unkeyedContainer() throws -> any UnkeyedDecodingContainer { throw MalformedInput("it", "is a list") }
    func singleValueContainer() throws -> any SingleValueDecodingContainer {
        throw MalformedInput("it", "is one value")
    }

    private struct Keyed<Key: CodingKey>: PlainMembers {
        let decoder: SchemaRecorder

        func contains(_ key: Key) -> Bool { true }
        func decodeNil(forKey key: Key) throws -> Bool { false }

        func decode<Value: Decodable>(_ type: Value.Type, forKey key: Key) throws -> Value {
            guard let value = decoder.member(key.memberName, type, isRequired: true) else {
                throw MalformedInput(key.stringValue, "has no value that could be made up")
            }
            return value
        }

        func decodeIfPresent<Value: Decodable>(_ type: Value.Type, forKey key: Key) throws -> Value? {
            optional(type, key)
        }

        // The standard library's versions for these types ask for presence first, and then decode.
        func decodeIfPresent(_ type: Bool.Type, forKey key: Key) throws -> Bool? { optional(type, key) }
        func decodeIfPresent(_ type: String.Type, forKey key: Key) throws -> String? { optional(type, key) }
        func decodeIfPresent(_ type: Int.Type, forKey key: Key) throws -> Int? { optional(type, key) }
        func decodeIfPresent(_ type: Int64.Type, forKey key: Key) throws -> Int64? { optional(type, key) }
        func decodeIfPresent(_ type: Double.Type, forKey key: Key) throws -> Double? { optional(type, key) }

        private func optional<Value: Decodable>(_ type: Value.Type, _ key: Key) -> Value? {
            decoder.member(key.memberName, type, isRequired: false)
        }
    }
}
