public import Bytes

/// JSON's canonical form for digests: without white space, with sorted members.
///
/// Source: RFC 8785 (JCS). Numbers must be whole: guests send no fractions, whose form is ECMAScript's.
public enum CanonicalJSON {
    /// - Throws: ``MalformedInput`` for a fraction, or a number that not all readers represent exactly.
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
            try json.appendList(values, in: "[", "]") { (value, json) throws(MalformedInput) in
                try append(value, to: &json)
            }
        case .object(let members):
            // By UTF-16 code units (section 3.2.3), unlike Swift's order.
            let sorted = members.sorted { $0.name.utf16.lexicographicallyPrecedes($1.name.utf16) }
            try json.appendList(sorted, in: "{", "}") { (member, json) throws(MalformedInput) in
                append(member.name, to: &json)
                json.append(UInt8(ascii: ":"))
                try append(member.value, to: &json)
            }
        }
    }

    private static func append(_ whole: Int, to json: inout [UInt8]) throws(MalformedInput) {
        // From 2⁵³ on, neighbours are the same Double to other readers.
        guard whole.magnitude < 1 << 53 else {
            throw MalformedInput("JSON", "a number is not whole, or 2^53 or more")
        }
        json += String(whole).utf8
    }

    /// Section 3.2.2.2: short escapes, and `\u00xx` for the other control characters.
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
