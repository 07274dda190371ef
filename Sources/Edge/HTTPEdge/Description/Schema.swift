import Bytes
public import Formats

/// The JSON Schema of a value, with those of the named values in it.
public struct Schema: Sendable {
    /// As it stands where the value is described.
    public private(set) var json: JSONValue
    /// What it refers to, by name.
    private(set) var definitions: [ExactText: JSONValue] = [:]

    public init(_ json: JSONValue) { self.json = json }

    /// - Parameters:
    ///   - pattern: a regular expression that the text matches.
    ///   - detail: for people.
    public static func text(_ detail: String? = nil, pattern: String? = nil, longest: Int? = nil) -> Schema {
        var json: JSONValue = ["type": "string"]
        json["pattern"] = pattern.map { .text($0) }
        json["maxLength"] = longest.map { .integer($0) }
        json["description"] = detail.map { .text($0) }
        return Schema(json)
    }

    public static let bool = Schema(["type": "boolean"])

    /// - Parameter members: those that must be there. A name with a question mark behind it may be left out.
    public static func object(_ members: KeyValuePairs<String, Schema>, and rules: JSONValue = .object([])) -> Schema {
        var schema = Schema(["type": "object"])
        var (properties, required): (JSONValue, [JSONValue]) = (.object([]), [])
        for (name, member) in members {
            let isOptional = name.utf8.last == UInt8(ascii: "?")
            let name = isOptional ? String(name.dropLast()) : name
            properties[name] = member.json
            if !isOptional { required.append(.text(name)) }
            schema.adopt(member)
        }
        if !required.isEmpty { schema.json["required"] = .array(required) }
        schema.json["properties"] = properties
        for rule in rules.members ?? [] { schema.json[rule.name] = rule.value }
        return schema
    }

    public static func array(of element: Schema, and rules: JSONValue = .object([])) -> Schema {
        var schema = element
        schema.json = ["type": "array", "items": element.json]
        for rule in rules.members ?? [] { schema.json[rule.name] = rule.value }
        return schema
    }

    /// What meets both.
    public func and(_ other: Schema) -> Schema {
        var both = Schema(["allOf": [json, other.json]])
        both.adopt(self)
        both.adopt(other)
        return both
    }

    /// The same under a name of its own, to which others refer.
    public func named(_ name: String) -> Schema {
        var schema = Schema(["$ref": .text("#/components/schemas/\(name)")])
        schema.definitions = definitions
        schema.definitions[ExactText(name)] = json
        return schema
    }

    /// With a sentence for people.
    public func saying(_ detail: String) -> Schema {
        var schema = self
        schema.json["description"] = .text(detail)
        return schema
    }

    mutating func set(_ name: String, _ value: JSONValue) { json[name] = value }

    mutating func wrap(_ wrapped: (JSONValue) -> JSONValue) { json = wrapped(json) }

    /// Takes over what another refers to.
    mutating func adopt(_ other: Schema) { definitions.merge(other.definitions) { $1 } }

    /// The same, or `null`.
    public var orNull: Schema {
        guard let type = json["type"], type.asText != nil else { return self }
        var schema = self
        schema.json["type"] = .array([type, "null"])
        return schema
    }
}
