public import FoundationEssentials

/// A writer of DER.
///
/// ```swift
/// var writer = DERWriter()
/// writer.sequence { algorithm in
///     algorithm.objectIdentifier([1, 2, 840, 10045, 4, 3, 2])
/// }
/// ```
public struct DERWriter {
    public private(set) var bytes: [UInt8] = []

    public init() {}

    /// An element of elements.
    public mutating func constructed<Failure: Error>(
        _ tag: DERTag, _ body: (inout DERWriter) throws(Failure) -> Void
    ) throws(Failure) {
        var inner = DERWriter()
        try body(&inner)
        primitive(tag, inner.bytes)
    }

    public mutating func sequence<Failure: Error>(
        _ body: (inout DERWriter) throws(Failure) -> Void
    ) throws(Failure) { try constructed(.sequence, body) }

    /// A SET. The caller must write several elements in DER's order.
    public mutating func set<Failure: Error>(
        _ body: (inout DERWriter) throws(Failure) -> Void
    ) throws(Failure) { try constructed(.set, body) }

    /// `[number] EXPLICIT`.
    public mutating func explicit<Failure: Error>(
        _ number: UInt32, _ body: (inout DERWriter) throws(Failure) -> Void
    ) throws(Failure) { try constructed(.constructed(number), body) }

    /// An element with these contents.
    public mutating func primitive(_ tag: DERTag, _ contents: [UInt8]) {
        let leading = tag.tagClass.rawValue | (tag.isConstructed ? 0x20 : 0)
        if tag.number < 0x1F {
            bytes.append(leading | UInt8(tag.number))
        } else {
            bytes.append(leading | 0x1F)
            let groups = (32 - tag.number.leadingZeroBitCount + 6) / 7
            for group in (0..<groups).reversed() {
                bytes.append(UInt8(tag.number >> (7 * group) & 0x7F) | (group > 0 ? 0x80 : 0))
            }
        }
        if contents.count < 0x80 {
            bytes.append(UInt8(contents.count))
        } else {
            let width = (Int.bitWidth - contents.count.leadingZeroBitCount + 7) / 8
            bytes.append(0x80 | UInt8(width))
            for index in (0..<width).reversed() {
                bytes.append(UInt8(truncatingIfNeeded: contents.count >> (8 * index)))
            }
        }
        bytes += contents
    }

    /// Appends an encoded element.
    public mutating func encoded(_ element: [UInt8]) { bytes += element }

    public mutating func boolean(_ value: Bool) { primitive(.boolean, [value ? 0xFF : 0x00]) }

    public mutating func integer(_ value: Int) {
        var contents = (0..<8).reversed().map { UInt8(truncatingIfNeeded: value >> (8 * $0)) }
        let filler: UInt8 = value < 0 ? 0xFF : 0x00
        while contents.count > 1, contents[0] == filler, (contents[1] ^ filler) & 0x80 == 0 { contents.removeFirst() }
        primitive(.integer, contents)
    }

    /// A non-negative INTEGER of any size.
    ///
    /// - Parameter magnitude: big-endian bytes; leading zeros are omitted.
    public mutating func integer(magnitude: [UInt8]) {
        let digits = Array(magnitude.drop { $0 == 0 })
        primitive(.integer, digits.first.map { $0 & 0x80 == 0 } == true ? digits : [0] + digits)
    }

    public mutating func bitString(_ value: [UInt8], unusedBits: UInt8 = 0) {
        primitive(.bitString, [unusedBits] + value)
    }

    public mutating func octetString(_ value: [UInt8]) { primitive(.octetString, value) }

    public mutating func null() { primitive(.null, []) }

    public mutating func objectIdentifier(_ value: OID) { primitive(.objectIdentifier, value.encoded) }

    /// UTF8String, IA5String or PrintableString.
    public mutating func text(_ tag: DERTag, _ value: String) { primitive(tag, Array(value.utf8)) }

    /// UTCTime until 2049, then GeneralizedTime, to the second. Source: RFC 5280, section 4.1.2.5.
    public mutating func time(_ date: Date) {
        let time = CivilTime(date)
        let isShort = (1_950..<2_050).contains(time.year)
        var digits: [UInt8] = []
        CivilTime.append(time.year, isShort ? 2 : 4, to: &digits)
        for part in [time.month, time.day, time.hour, time.minute, time.second] {
            CivilTime.append(part, 2, to: &digits)
        }
        primitive(isShort ? .utcTime : .generalizedTime, digits + [UInt8(ascii: "Z")])
    }
}
