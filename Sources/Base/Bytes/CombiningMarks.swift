/// Looks at text that a stranger wrote before it becomes a `String` that is compared or hashed.
///
/// Swift compares and hashes texts beyond ASCII in a normal form, for which it puts each row of combining marks in order:
/// in a time that grows with the square of the row. A member's name of 256 KiB of them would hold a thread for minutes. Text
/// that people write has a handful in a row; Unicode's own limit for text streams is 30 (UAX #15, section 13).
public enum CombiningMarks {
    /// In a row.
    public static let most = 32

    /// Goes over the bytes once.
    ///
    /// Escapes of JSON and TOML (`\u0301`, pairs of surrogates, `\U00000301`) count as what they stand for. What is not UTF-8
    /// is refused, and so is a zero byte: readers take both for UTF-16 or UTF-32, where marks would not be seen here.
    ///
    /// - Throws: ``MalformedInput`` that says where, and repeats nothing of it.
    public static func check(_ text: some Sequence<UInt8>) throws(MalformedInput) {
        let bytes = Array(text)
        var (position, row) = (0, 0)
        while position < bytes.count {
            let byte = bytes[position]
            guard byte != 0 else { throw malformed("it has a zero byte", position) }
            if byte != UInt8(ascii: "\\"), byte < 0x80 {
                (position, row) = (position + 1, 0)
                continue
            }
            let (scalar, length) =
                if byte < 0x80 { escaped(bytes, at: position) } else { try scalar(bytes, at: position) }
            row = isMark(scalar) ? row + 1 : 0
            guard row <= most else { throw malformed("more than \(most) combining marks follow one another", position) }
            position += length
        }
    }

    /// Whether text is ASCII, as all is that goes into a header field: there is nothing to put in order.
    @inlinable
    public static func isASCII(_ text: some StringProtocol) -> Bool { text.utf8.allSatisfy { $0 < 0x80 } }

    private static func malformed(_ reason: String, _ position: Int) -> MalformedInput {
        MalformedInput("text", "\(reason) (at byte \(position))")
    }

    /// Whether it is put in order among its neighbours.
    ///
    /// Four have no class of their own but are taken apart into marks that do. Source: UAX #15, "non-starter decompositions".
    public static func isMark(_ scalar: Unicode.Scalar) -> Bool {
        guard scalar.value >= 0x300 else { return false }
        return switch scalar {
        case "\u{344}", "\u{F73}", "\u{F75}", "\u{F81}": true
        default: scalar.properties.canonicalCombiningClass != .notReordered
        }
    }

    /// A character of more than one byte. Source: RFC 3629.
    private static func scalar(
        _ bytes: [UInt8], at position: Int
    ) throws(MalformedInput) -> (Unicode.Scalar, length: Int) {
        let lead = bytes[position]
        let (length, bits, least): (Int, UInt8, UInt32) =
            switch lead {
            case 0xC2...0xDF: (2, lead & 0x1F, 0x80)
            case 0xE0...0xEF: (3, lead & 0x0F, 0x800)
            case 0xF0...0xF4: (4, lead & 0x07, 0x10000)
            default: throw malformed("it is not UTF-8", position)
            }
        guard bytes.count - position >= length else { throw malformed("it is not UTF-8", position) }
        var value = UInt32(bits)
        for byte in bytes[position + 1..<position + length] {
            guard byte & 0xC0 == 0x80 else { throw malformed("it is not UTF-8", position) }
            value = value << 6 | UInt32(byte & 0x3F)
        }
        guard value >= least, let scalar = Unicode.Scalar(value) else { throw malformed("it is not UTF-8", position) }
        return (scalar, length)
    }

    /// What a backslash begins. Whether it may stand there is the reader's to say: anything that is no mark will do.
    private static func escaped(_ bytes: [UInt8], at position: Int) -> (Unicode.Scalar, length: Int) {
        func unit(_ start: Int, _ digits: Int, _ letter: Character) -> UInt32? {
            guard bytes.count - start >= digits + 2, bytes[start] == UInt8(ascii: "\\"),
                bytes[start + 1] == letter.asciiValue,
                let value = Hex.decode(String(decoding: bytes[start + 2..<start + 2 + digits], as: UTF8.self))
            else { return nil }
            return value.reduce(0) { $0 << 8 | UInt32($1) }
        }
        if let value = unit(position, 8, "U") { return (Unicode.Scalar(value) ?? "\\", 10) }
        guard let value = unit(position, 4, "u") else {
            // The second of two backslashes begins nothing.
            let isPair = position + 1 < bytes.count && bytes[position + 1] == UInt8(ascii: "\\")
            return ("\\", isPair ? 2 : 1)
        }
        guard (0xD800..<0xDC00).contains(value), let low = unit(position + 6, 4, "u"), (0xDC00..<0xE000).contains(low)
        else { return (Unicode.Scalar(value) ?? "\\", 6) }
        return (Unicode.Scalar(0x10000 + (value - 0xD800) << 10 + (low - 0xDC00)) ?? "\\", 12)
    }
}
