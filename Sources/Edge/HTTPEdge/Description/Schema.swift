import Bytes
public import Formats

/// The JSON Schema of a value, with the schemas of the named values in it.
public struct Schema: Sendable {
    /// The schema as used in place of the value.
    public private(set) var json: JSONValue
    /// The named schemas that it refers to.
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

    /// - Parameter members: the object's members, required unless the name ends in a question mark.
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

    /// Values that meet both schemas.
    public func and(_ other: Schema) -> Schema {
        var both = Schema(["allOf": [json, other.json]])
        both.adopt(self)
        both.adopt(other)
        return both
    }

    /// The schema under a name of its own, as a reference.
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

    /// Adds the named schemas of another.
    mutating func adopt(_ other: Schema) { definitions.merge(other.definitions) { $1 } }

    /// The schema, or `null`.
    public var orNull: Schema {
        guard let type = json["type"], type.asText != nil else { return self }
        var schema = self
        schema.json["type"] = .array([type, "null"])
        return schema
    }
}
