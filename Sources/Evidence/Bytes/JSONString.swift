/// Text as it stands in JSON, for messages that are put together by hand because their order or their cost matters.
package enum JSONString {
    /// The text in quotation marks, with what must be escaped escaped.
    ///
    /// Source: RFC 8259, section 7.
    package static func quoted(_ text: String) -> String {
        var json = ""
        append(text, to: &json)
        return json
    }

    /// Appends the quoted text.
    package static func append(_ text: String, to json: inout String) {
        json += "\""
        defer { json += "\"" }
        // 0xC2 begins U+0080 to U+009F, which terminals take for commands, and others that are harmless.
        guard
            text.utf8.contains(where: {
                $0 < 0x20 || $0 == UInt8(ascii: "\"") || $0 == UInt8(ascii: "\\") || $0 == 0x7F || $0 == 0xC2
            })
        else {
            json += text
            return
        }
        for scalar in text.unicodeScalars {
            switch scalar {
            case "\"": json += "\\\""
            case "\\": json += "\\\\"
            case "\0"..<" ", "\u{7F}"..."\u{9F}":
                json += "\\u00" + Hex.encode([UInt8(truncatingIfNeeded: scalar.value)])
            default: json.unicodeScalars.append(scalar)
            }
        }
    }
}
