/// Characters in unvalidated UTF-8.
enum UTF8Scalar {
    /// Reads the character at a position. Source: RFC 3629, section 4.
    ///
    /// - Returns: nil for invalid UTF-8: truncated, overlong, a surrogate, past U+10FFFF.
    static func read(_ bytes: Span<UInt8>, at position: Int) -> (scalar: Unicode.Scalar, length: Int)? {
        guard position < bytes.count else { return nil }
        let lead = bytes[position]
        let (length, bits, least): (Int, UInt8, UInt32)
        switch lead {
        case 0x00...0x7F: return (Unicode.Scalar(lead), 1)
        case 0xC2...0xDF: (length, bits, least) = (2, lead & 0x1F, 0x80)
        case 0xE0...0xEF: (length, bits, least) = (3, lead & 0x0F, 0x800)
        case 0xF0...0xF4: (length, bits, least) = (4, lead & 0x07, 0x10000)
        default: return nil
        }
        guard bytes.count - position >= length else { return nil }
        var value = UInt32(bits)
        for index in 1..<length {
            let byte = bytes[position + index]
            guard byte & 0xC0 == 0x80 else { return nil }
            value = value << 6 | UInt32(byte & 0x3F)
        }
        guard value >= least, let scalar = Unicode.Scalar(value) else { return nil }
        return (scalar, length)
    }
}

extension UInt8 {
    var isDigit: Bool { (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(self) }
}

/// A position in text: a line and a column, both from 1.
public struct TextPosition: Sendable, Hashable, CustomStringConvertible {
    public let line: Int
    /// In Unicode scalars.
    public let column: Int

    init(line: Int, column: Int) { (self.line, self.column) = (line, column) }

    /// - Parameter offset: in bytes; may be the end.
    init(of offset: Int, in bytes: Span<UInt8>) {
        var (line, column) = (1, 1)
        for index in 0..<min(offset, bytes.count) {
            if bytes[index] == UInt8(ascii: "\n") {
                (line, column) = (line + 1, 1)
            } else if bytes[index] & 0xC0 != 0x80 {
                column += 1
            }
        }
        (self.line, self.column) = (line, column)
    }

    public var description: String { "line \(line), column \(column)" }
}
