/// Hexadecimal text.
public enum Hex {
    /// Reads an even number of hex digits of either case.
    ///
    /// - Returns: nil for any other text.
    @inlinable
    public static func decode(_ text: some StringProtocol) -> [UInt8]? { decode(utf8: Array(text.utf8)) }

    public static func decode(utf8 digits: [UInt8]) -> [UInt8]? {
        guard digits.count.isMultiple(of: 2) else { return nil }
        let text = digits.span
        // Above 15 once a digit was none: a branch for each would cost more than the digits.
        var all: UInt8 = 0
        let bytes = [UInt8](unsafeUninitializedCapacity: text.count / 2) { bytes, count in
            while count < text.count / 2 {
                let (high, low) = (text[2 * count].nibble, text[2 * count + 1].nibble)
                all |= high | low
                bytes[count] = high << 4 | low
                count += 1
            }
        }
        return all < 16 ? bytes : nil
    }

    /// Lower-case hex digits, two for each byte.
    @inlinable
    public static func encode(_ bytes: some Collection<UInt8>) -> String {
        String(decoding: encodeUTF8(bytes), as: UTF8.self)
    }

    /// ``encode(_:)`` as UTF-8.
    @inlinable
    public static func encodeUTF8(_ bytes: some Collection<UInt8>) -> [UInt8] { encodeUTF8(array: Array(bytes)) }

    @usableFromInline
    static func encodeUTF8(array bytes: [UInt8]) -> [UInt8] {
        [UInt8](unsafeUninitializedCapacity: bytes.count * 2) { digits, count in
            for byte in bytes {
                digits[count] = digit(byte >> 4)
                digits[count + 1] = digit(byte & 0xF)
                count += 2
            }
        }
    }

    private static func digit(_ nibble: UInt8) -> UInt8 {
        nibble < 10 ? UInt8(ascii: "0") + nibble : UInt8(ascii: "a") + nibble - 10
    }
}

extension UInt8 {
    /// The value of an ASCII hex digit of either case; nil for other bytes.
    @inlinable
    public var hexValue: UInt8? { nibble < 16 ? nibble : nil }

    /// The same; 255 for other bytes.
    @usableFromInline
    var nibble: UInt8 {
        let number = self &- UInt8(ascii: "0")
        let letter = (self | 0x20) &- UInt8(ascii: "a")
        return number < 10 ? number : letter < 6 ? letter + 10 : 255
    }
}
