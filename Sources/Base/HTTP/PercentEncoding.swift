import Bytes

/// Percent-encoding of text in a path's segment or a query.
///
/// Source: RFC 3986, section 2.1.
public enum PercentEncoding {
    /// Encodes every byte of the text's UTF-8 except ASCII letters and digits, for any part of a URL.
    public static func encode(_ text: some StringProtocol) -> String {
        var encoded: [UInt8] = []
        for byte in text.utf8 {
            switch byte {
            case UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
                UInt8(ascii: "a")...UInt8(ascii: "z"):
                encoded.append(byte)
            default: encoded += [UInt8(ascii: "%"), digits[Int(byte >> 4)], digits[Int(byte & 0xF)]]
            }
        }
        return String(decoding: encoded, as: UTF8.self)
    }

    /// Decodes to text. A plus sign stands for itself.
    ///
    /// - Returns: nil when a percent sign is not followed by two hex digits, or the bytes are not UTF-8.
    public static func decode(_ text: some StringProtocol) -> String? {
        guard text.utf8.contains(UInt8(ascii: "%")) else { return String(text) }
        return bytes(text).flatMap { String(validating: $0, as: UTF8.self) }
    }

    /// Decodes to bytes. A plus sign stands for itself.
    ///
    /// - Returns: nil when a percent sign is not followed by two hex digits.
    public static func bytes(_ text: some StringProtocol) -> [UInt8]? {
        let encoded = Array(text.utf8)
        var (decoded, position): ([UInt8], Int) = ([], 0)
        while position < encoded.count {
            guard encoded[position] == UInt8(ascii: "%") else {
                decoded.append(encoded[position])
                position += 1
                continue
            }
            guard encoded.count - position > 2, let high = encoded[position + 1].hexValue,
                let low = encoded[position + 2].hexValue
            else { return nil }
            decoded.append(high << 4 | low)
            position += 3
        }
        return decoded
    }

    private static let digits = Array("0123456789ABCDEF".utf8)
}
