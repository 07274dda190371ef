import Bytes

/// Percent-encoding of text in a path's segment or a query.
///
/// Source: RFC 3986, section 2.1.
public enum PercentEncoding {
    /// Leaves ASCII letters and digits as they are, and encodes every other byte of the text's UTF-8: what comes out means
    /// itself in each part of a URL.
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

    /// The text that was encoded. A plus sign means itself.
    ///
    /// - Returns: nil when a percent sign has no two hex digits behind it, or the bytes are not UTF-8.
    public static func decode(_ text: some StringProtocol) -> String? {
        guard text.utf8.contains(UInt8(ascii: "%")) else { return String(text) }
        return bytes(text).flatMap { String(validating: $0, as: UTF8.self) }
    }

    /// The bytes that were encoded, of any kind. A plus sign means itself.
    ///
    /// - Returns: nil when a percent sign has no two hex digits behind it.
    public static func bytes(_ text: some StringProtocol) -> [UInt8]? {
        let encoded = Array(text.utf8)
        var (decoded, position): ([UInt8], Int) = ([], 0)
        while position < encoded.count {
            guard encoded[position] == UInt8(ascii: "%") else {
                decoded.append(encoded[position])
                position += 1
                continue
            }
            guard encoded.count - position > 2,
                let byte = Hex.decode(String(decoding: encoded[position + 1...position + 2], as: UTF8.self))?.first
            else { return nil }
            decoded.append(byte)
            position += 3
        }
        return decoded
    }

    private static let digits = Array("0123456789ABCDEF".utf8)
}
