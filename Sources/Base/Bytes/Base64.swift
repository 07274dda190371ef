/// Base64 (RFC 4648) in both alphabets, decoded strictly: each sequence of bytes has exactly one text.
///
/// White space, missing or surplus `=`, characters of the other alphabet and set bits after the last byte are refused.
public enum Base64 {
    /// Section 4: `+` and `/`, padded with `=`.
    @inlinable
    public static func encode(_ bytes: some Collection<UInt8>) -> String { encode(array: Array(bytes)) }

    /// Section 5: `-` and `_`, without padding, as in JOSE.
    @inlinable
    public static func encodeURL(_ bytes: some Collection<UInt8>) -> String { encodeURL(array: Array(bytes)) }

    /// Section 4. Returns nil for anything that ``encode(_:)`` does not write.
    @inlinable
    public static func decode(_ text: some StringProtocol) -> [UInt8]? { decode(utf8: Array(text.utf8)) }

    /// Section 5, without padding. Returns nil for anything that ``encodeURL(_:)`` does not write.
    @inlinable
    public static func decodeURL(_ text: some StringProtocol) -> [UInt8]? { decodeURL(utf8: Array(text.utf8)) }

    /// Section 4, from UTF-8.
    public static func decode(utf8 digits: [UInt8]) -> [UInt8]? {
        guard digits.count.isMultiple(of: 4) else { return nil }
        var length = digits.count
        for _ in 0..<2 where length > 0 && digits[length - 1] == UInt8(ascii: "=") { length -= 1 }
        return decode(digits, length, standardValues)
    }

    /// Section 5, from UTF-8.
    public static func decodeURL(utf8 digits: [UInt8]) -> [UInt8]? { decode(digits, digits.count, urlValues) }

    @usableFromInline
    static func encode(array bytes: [UInt8]) -> String { encode(bytes, standard, pads: true) }

    @usableFromInline
    static func encodeURL(array bytes: [UInt8]) -> String { encode(bytes, url, pads: false) }

    private static let standard = Array("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/".utf8)
    private static let url = Array("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_".utf8)
    private static let standardValues = values(of: standard)
    private static let urlValues = values(of: url)
    private static let none: UInt8 = 0xFF

    private static func values(of alphabet: [UInt8]) -> [UInt8] {
        var values = [UInt8](repeating: none, count: 256)
        for (value, digit) in alphabet.enumerated() { values[Int(digit)] = UInt8(value) }
        return values
    }

    private static func encode(_ bytes: [UInt8], _ alphabet: [UInt8], pads: Bool) -> String {
        var digits: [UInt8] = []
        digits.reserveCapacity((bytes.count + 2) / 3 * 4)
        var position = 0
        while position < bytes.count {
            let left = bytes.count - position
            let group =
                UInt32(bytes[position]) << 16 | (left > 1 ? UInt32(bytes[position + 1]) << 8 : 0)
                | (left > 2 ? UInt32(bytes[position + 2]) : 0)
            digits.append(alphabet[Int(group >> 18 & 63)])
            digits.append(alphabet[Int(group >> 12 & 63)])
            if left > 1 { digits.append(alphabet[Int(group >> 6 & 63)]) }
            if left > 2 { digits.append(alphabet[Int(group & 63)]) }
            position += 3
        }
        while pads, !digits.count.isMultiple(of: 4) { digits.append(UInt8(ascii: "=")) }
        return String(decoding: digits, as: UTF8.self)
    }

    private static func decode(_ digits: [UInt8], _ length: Int, _ values: [UInt8]) -> [UInt8]? {
        guard length % 4 != 1 else { return nil }
        var bytes: [UInt8] = []
        bytes.reserveCapacity(length / 4 * 3 + 2)
        var (group, bits): (UInt32, UInt32) = (0, 0)
        for index in 0..<length {
            let value = values[Int(digits[index])]
            guard value != none else { return nil }
            group = group << 6 | UInt32(value)
            bits += 6
            if bits >= 8 {
                bits -= 8
                bytes.append(UInt8(truncatingIfNeeded: group >> bits))
            }
        }
        // Set bits after the last byte would be a second text for the same bytes.
        guard group & (1 << bits - 1) == 0 else { return nil }
        return bytes
    }
}

extension Collection<UInt8> {
    /// ``Base64/encode(_:)`` of these bytes.
    @inlinable
    public var base64: String { Base64.encode(self) }
    /// ``Base64/encodeURL(_:)`` of these bytes.
    @inlinable
    public var base64URL: String { Base64.encodeURL(self) }
}

extension RangeReplaceableCollection<UInt8> {
    /// The bytes of ``Base64/decode(_:)``.
    @inlinable
    public init?(base64 text: some StringProtocol) {
        guard let bytes = Base64.decode(text) else { return nil }
        self.init(bytes)
    }

    /// The bytes of ``Base64/decodeURL(_:)``.
    @inlinable
    public init?(base64URL text: some StringProtocol) {
        guard let bytes = Base64.decodeURL(text) else { return nil }
        self.init(bytes)
    }
}

extension Sequence<UInt8> {
    @inlinable
    public var isAllZero: Bool { allSatisfy { $0 == 0 } }
}
