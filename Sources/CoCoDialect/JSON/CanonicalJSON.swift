import Evidence
import JSONWebTokens

/// JSON in the one form that a digest can be over: no white space, members sorted.
///
/// Source: RFC 8785 (JCS). Numbers are whole, and written as such: the rules for fractions are ECMAScript's, and nothing
/// that guests send has one.
enum CanonicalJSON {
    /// - Throws: a ``MalformedInput`` when there is a number that is not whole or that two readers may read differently.
    static func text(_ value: JSONValue) throws(MalformedInput) -> String {
        var json = ""
        try append(value, to: &json)
        return json
    }

    private static func append(_ value: JSONValue, to json: inout String) throws(MalformedInput) {
        switch value {
        case .null: json += "null"
        case .bool(let value): json += value ? "true" : "false"
        case .number(let number):
            // Beyond 2⁵³ neighbours are one Double: what is read is not what was sent.
            guard let whole = Int(exactly: number), whole.magnitude < 1 << 53 else {
                throw MalformedInput("JSON", "a number is not whole, or 2^53 or more")
            }
            json += "\(whole)"
        case .text(let text): append(text, to: &json)
        case .array(let values):
            json += "["
            for (index, value) in values.enumerated() {
                if index > 0 { json += "," }
                try append(value, to: &json)
            }
            json += "]"
        case .object(let members):
            json += "{"
            // By UTF-16 code units (section 3.2.3), which Swift's own order is not.
            let sorted = members.sorted { $0.key.utf16.lexicographicallyPrecedes($1.key.utf16) }
            for (index, (name, value)) in sorted.enumerated() {
                if index > 0 { json += "," }
                append(name, to: &json)
                json += ":"
                try append(value, to: &json)
            }
            json += "}"
        }
    }

    /// Section 3.2.2.2: short escapes where there are any, `\u00xx` for the other control characters, and nothing else.
    private static func append(_ text: String, to json: inout String) {
        json += "\""
        for scalar in text.unicodeScalars {
            switch scalar {
            case "\"": json += "\\\""
            case "\\": json += "\\\\"
            case "\u{08}": json += "\\b"
            case "\u{09}": json += "\\t"
            case "\u{0A}": json += "\\n"
            case "\u{0C}": json += "\\f"
            case "\u{0D}": json += "\\r"
            case "\0"..<" ": json += "\\u00" + Hex.encode([UInt8(truncatingIfNeeded: scalar.value)])
            default: json.unicodeScalars.append(scalar)
            }
        }
        json += "\""
    }
}
