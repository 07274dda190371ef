import Bytes

/// JSON strings, for messages that are written by hand for their order or cost.
public enum JSONString {
    /// The text in quotation marks, escaped.
    ///
    /// Source: RFC 8259, section 7.
    public static func quoted(_ text: String) -> String {
        var json: [UInt8] = []
        append(text, to: &json)
        return String(decoding: json, as: UTF8.self)
    }

    /// Appends the quoted text in UTF-8.
    public static func append(_ text: String, to json: inout [UInt8]) {
        json.append(UInt8(ascii: "\""))
        defer { json.append(UInt8(ascii: "\"")) }
        if json.append(utf8: text, if: isPlain) { return }
        let bytes = text.utf8.span
        var position = 0
        while position < bytes.count {
            let byte = bytes[position]
            position += 1
            switch byte {
            case UInt8(ascii: "\""), UInt8(ascii: "\\"):
                json.append(UInt8(ascii: "\\"))
                json.append(byte)
            case 0xC2 where position < bytes.count && bytes[position] < 0xA0:
                // U+0080 to U+009F, which terminals interpret as commands.
                escape(bytes[position], &json)
                position += 1
            case ..<0x20, 0x7F: escape(byte, &json)
            default: json.append(byte)
            }
        }
    }

    /// Whether it is an ASCII character that needs no escape.
    private static func isPlain(_ byte: UInt8) -> Bool {
        byte >= 0x20 && byte < 0x7F && byte != UInt8(ascii: "\"") && byte != UInt8(ascii: "\\")
    }

    /// `\u00` and two digits.
    static func escape(_ value: UInt8, _ json: inout [UInt8]) {
        json += "\\u00".utf8
        let digits = Array("0123456789abcdef".utf8)
        json.append(digits[Int(value >> 4)])
        json.append(digits[Int(value & 0xF)])
    }
}
