public import Bytes

/// JSON in the one form that a digest can be over: no white space, members sorted.
///
/// Source: RFC 8785 (JCS). Numbers are whole, and written as such: the rules for fractions are ECMAScript's, and nothing
/// that guests send has one.
public enum CanonicalJSON {
    /// - Throws: a ``MalformedInput`` when there is a number that is not whole or that two readers may read differently.
    public static func text(_ value: JSONValue) throws(MalformedInput) -> String {
        var json: [UInt8] = []
        try append(value, to: &json)
        return String(decoding: json, as: UTF8.self)
    }

    private static func append(_ value: JSONValue, to json: inout [UInt8]) throws(MalformedInput) {
        switch value {
        case .null, .bool, .bytes: value.append(to: &json)
        case .integer(let number): try append(number, to: &json)
        case .number(let number):
            guard let whole = Int(exactly: number) else {
                throw MalformedInput("JSON", "a number is not whole, or 2^53 or more")
            }
            try append(whole, to: &json)
        case .text(let text): append(text, to: &json)
        case .array(let values):
            json.append(UInt8(ascii: "["))
            for (index, value) in values.enumerated() {
                if index > 0 { json.append(UInt8(ascii: ",")) }
                try append(value, to: &json)
            }
            json.append(UInt8(ascii: "]"))
        case .object(let members):
            json.append(UInt8(ascii: "{"))
            // By UTF-16 code units (section 3.2.3), which Swift's own order is not.
            let sorted = members.sorted { $0.name.utf16.lexicographicallyPrecedes($1.name.utf16) }
            for (index, member) in sorted.enumerated() {
                if index > 0 { json.append(UInt8(ascii: ",")) }
                append(member.name, to: &json)
                json.append(UInt8(ascii: ":"))
                try append(member.value, to: &json)
            }
            json.append(UInt8(ascii: "}"))
        }
    }

    private static func append(_ whole: Int, to json: inout [UInt8]) throws(MalformedInput) {
        // Beyond 2⁵³ neighbours are one Double: what another reads is not what was sent.
        guard whole.magnitude < 1 << 53 else {
            throw MalformedInput("JSON", "a number is not whole, or 2^53 or more")
        }
        json += String(whole).utf8
    }

    /// Section 3.2.2.2: short escapes where there are any, `\u00xx` for the other control characters, and nothing else.
    private static func append(_ text: String, to json: inout [UInt8]) {
        json.append(UInt8(ascii: "\""))
        for byte in text.utf8 {
            switch byte {
            case UInt8(ascii: "\""): json += "\\\"".utf8
            case UInt8(ascii: "\\"): json += "\\\\".utf8
            case 0x08: json += "\\b".utf8
            case 0x09: json += "\\t".utf8
            case 0x0A: json += "\\n".utf8
            case 0x0C: json += "\\f".utf8
            case 0x0D: json += "\\r".utf8
            case 0..<0x20: JSONString.escape(byte, &json)
            default: json.append(byte)
            }
        }
        json.append(UInt8(ascii: "\""))
    }
}
