/// Text as it stands in JSON, for messages that are put together by hand because their order or their cost matters.
public enum JSONString {
    /// The text in quotation marks, with what must be escaped escaped.
    ///
    /// Source: RFC 8259, section 7.
    public static func quoted(_ text: String) -> String {
        var json: [UInt8] = []
        append(text, to: &json)
        return String(decoding: json, as: UTF8.self)
    }

    /// Appends the quoted text.
    public static func append(_ text: String, to json: inout String) { json += quoted(text) }

    /// Appends the quoted text in UTF-8.
    public static func append(_ text: String, to json: inout [UInt8]) {
        json.append(UInt8(ascii: "\""))
        var rest = text.utf8[...]
        while let special = rest.firstIndex(where: isSpecial) {
            json += rest[..<special]
            let byte = rest[special]
            rest = rest[special...].dropFirst()
            switch byte {
            case UInt8(ascii: "\""), UInt8(ascii: "\\"):
                json.append(UInt8(ascii: "\\"))
                json.append(byte)
            case 0xC2:
                // U+0080 to U+009F, which terminals take for commands, or one that is harmless.
                if let next = rest.first, next < 0xA0 {
                    rest = rest.dropFirst()
                    escape(next, &json)
                } else {
                    json.append(byte)
                }
            default: escape(byte, &json)
            }
        }
        json += rest
        json.append(UInt8(ascii: "\""))
    }

    private static func isSpecial(_ byte: UInt8) -> Bool {
        byte < 0x20 || byte == UInt8(ascii: "\"") || byte == UInt8(ascii: "\\") || byte == 0x7F || byte == 0xC2
    }

    /// `\u00` and two digits.
    static func escape(_ value: UInt8, _ json: inout [UInt8]) {
        json += "\\u00".utf8
        let digits = Array("0123456789abcdef".utf8)
        json.append(digits[Int(value >> 4)])
        json.append(digits[Int(value & 0xF)])
    }
}
