public import Bytes
public import FoundationEssentials

extension DERElement {
    /// BOOLEAN: 00 or FF.
    public func boolean() throws(MalformedInput) -> Bool {
        try expect(.boolean)
        switch contents {
        case [0x00]: return false
        case [0xFF]: return true
        default: throw malformed("is not a BOOLEAN of one byte, 00 or FF")
        }
    }

    /// INTEGER of at most 64 bits.
    public func integer() throws(MalformedInput) -> Int {
        let bytes = try integerBytes()
        guard bytes.count <= 8 else { throw malformed("is an INTEGER of more than 64 bits") }
        let isNegative = (bytes.first ?? 0) & 0x80 != 0
        return Int(truncatingIfNeeded: bytes.reduce(isNegative ? UInt64.max : 0) { $0 << 8 | UInt64($1) })
    }

    /// A non-negative INTEGER of any size: big-endian bytes without leading zeros; empty for zero.
    public func magnitude() throws(MalformedInput) -> [UInt8] {
        let bytes = try integerBytes()
        guard let first = bytes.first, first & 0x80 == 0 else { throw malformed("is a negative INTEGER") }
        return first == 0 ? Array(bytes.dropFirst()) : bytes
    }

    private func integerBytes() throws(MalformedInput) -> [UInt8] {
        try expect(.integer)
        let bytes = contents
        guard let first = bytes.first else { throw malformed("is an INTEGER without bytes") }
        if bytes.count > 1 {
            // X.690, 8.3.2: the first nine bits are not all equal.
            let sign = bytes[1] & 0x80
            guard !(first == 0x00 && sign == 0), !(first == 0xFF && sign != 0) else {
                throw malformed("is an INTEGER that is not minimal")
            }
        }
        return bytes
    }

    /// BIT STRING; its unused bits must be zero.
    public func bitString() throws(MalformedInput) -> (bytes: [UInt8], unusedBits: Int) {
        try expect(.bitString)
        let contents = contents
        guard let unused = contents.first, unused < 8, contents.count > 1 || unused == 0 else {
            throw malformed("is a BIT STRING with an invalid count of unused bits")
        }
        if let last = contents.last, contents.count > 1, last & (1 << unused - 1) != 0 {
            throw malformed("is a BIT STRING whose unused bits are not zero")
        }
        return (Array(contents.dropFirst()), Int(unused))
    }

    /// BIT STRING of whole bytes, such as a signature or a public key.
    public func wholeBitString() throws(MalformedInput) -> [UInt8] {
        let (bytes, unused) = try bitString()
        guard unused == 0 else { throw malformed("is a BIT STRING that is not a whole number of bytes") }
        return bytes
    }

    public func octetString() throws(MalformedInput) -> [UInt8] {
        try expect(.octetString)
        return contents
    }

    public func null() throws(MalformedInput) {
        try expect(.null)
        guard contents.isEmpty else { throw malformed("is a NULL with contents") }
    }

    public func objectIdentifier() throws(MalformedInput) -> OID {
        try expect(.objectIdentifier)
        guard let identifier = OID(encoded: contents) else {
            throw malformed("is an OBJECT IDENTIFIER whose numbers are truncated, too long or not minimal")
        }
        return identifier
    }

    /// UTF8String, PrintableString or IA5String, with its allowed characters.
    ///
    /// - Parameter tag: the expected type.
    public func text(_ tag: DERTag) throws(MalformedInput) -> String {
        try expect(tag)
        let bytes = contents
        let isFit =
            switch tag {
            case .printableString: bytes.allSatisfy(Self.isPrintable)
            case .ia5String: bytes.allSatisfy { $0 < 0x80 }
            default: tag == .utf8String
            }
        guard isFit, let text = String(validating: bytes, as: UTF8.self) else {
            throw malformed("has characters that are invalid in \(tag)")
        }
        return text
    }

    private static func isPrintable(_ byte: UInt8) -> Bool {
        switch byte {
        case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
            UInt8(ascii: "0")...UInt8(ascii: "9"):
            true
        default: " '()+,-./:=?".utf8.contains(byte)
        }
    }

    /// UTCTime (1950 to 2049) or GeneralizedTime: to the second, in UTC, with the `Z`.
    ///
    /// Source: RFC 5280, sections 4.1.2.5.1 and 4.1.2.5.2, which allow no fraction of a second.
    public func time() throws(MalformedInput) -> Date {
        guard tag == .utcTime || tag == .generalizedTime else { throw malformed("is \(tag), not a time") }
        let digits = contents
        let yearDigits = tag == .utcTime ? 2 : 4
        guard digits.count == yearDigits + 11, digits.last == UInt8(ascii: "Z"),
            digits.dropLast().allSatisfy(\.isDigit)
        else { throw malformed("is not a \(tag) to the second with a Z") }
        func number(_ start: Int, _ count: Int) -> Int {
            digits[start..<(start + count)].reduce(0) { $0 * 10 + Int($1 - UInt8(ascii: "0")) }
        }
        var year = number(0, yearDigits)
        if tag == .utcTime { year += year < 50 ? 2_000 : 1_900 }
        let parts = stride(from: yearDigits, to: yearDigits + 10, by: 2).map { number($0, 2) }
        guard let time = CivilTime(year, parts[0], parts[1], parts[2], parts[3], parts[4]) else {
            throw malformed("is a \(tag) that does not exist in the calendar")
        }
        return time.date
    }
}
