import Bytes

/// An element's tag, and the range of its contents.
///
/// Lengths must be definite, and tags and lengths minimal. Source: X.690, sections 8.1.2, 8.1.3 and 10.1.
struct DERHeader {
    let tag: DERTag
    let contents: Range<Int>

    /// The deepest nesting of elements.
    static let depthLimit = 50

    /// - Parameters:
    ///   - position: the element's beginning.
    ///   - end: the containing element's end.
    init(_ bytes: Span<UInt8>, at position: Int, end: Int, subject: String) throws(MalformedInput) {
        var cursor = position
        let tag = try Self.tag(bytes, &cursor, end, subject)
        let length = try Self.length(bytes, &cursor, end, subject)
        guard length <= end - cursor else {
            throw MalformedInput(
                subject, "\(tag) at byte \(position) has \(length) bytes of contents, and \(end - cursor) are left")
        }
        self.tag = tag
        contents = cursor..<(cursor + length)
    }

    /// Reads one byte within `end`.
    private static func byte(
        _ bytes: Span<UInt8>, _ cursor: inout Int, _ end: Int, _ subject: String
    ) throws(MalformedInput) -> UInt8 {
        guard cursor < end else { throw MalformedInput(subject, "it ends within a tag or length, at byte \(cursor)") }
        defer { cursor += 1 }
        return bytes[cursor]
    }

    private static func tag(
        _ bytes: Span<UInt8>, _ cursor: inout Int, _ end: Int, _ subject: String
    ) throws(MalformedInput) -> DERTag {
        let start = cursor
        let first = try byte(bytes, &cursor, end, subject)
        var number = UInt32(first & 0x1F)
        if number == 0x1F {
            number = 0
            var next: UInt8
            repeat {
                next = try byte(bytes, &cursor, end, subject)
                // At most four groups of seven bits.
                guard next != 0x80 || number != 0, number < 1 << 21 else {
                    throw MalformedInput(subject, "the tag at byte \(start) is not minimal, or too long")
                }
                number = number << 7 | UInt32(next & 0x7F)
            } while next & 0x80 != 0
            guard number >= 0x1F else { throw MalformedInput(subject, "the tag at byte \(start) is not minimal") }
        }
        let isConstructed = first & 0x20 != 0
        let tag = DERTag(DERTag.Class(rawValue: first & 0xC0) ?? .own, number, isConstructed: isConstructed)
        if tag.tagClass == .universal {
            guard number != 0 else { throw MalformedInput(subject, "there is no type 0, at byte \(start)") }
            guard isConstructed == DERTag.isAlwaysConstructed(number) else {
                throw MalformedInput(
                    subject,
                    "\(tag) at byte \(start) is \(isConstructed ? "constructed" : "primitive"), which DER forbids")
            }
        }
        return tag
    }

    private static func length(
        _ bytes: Span<UInt8>, _ cursor: inout Int, _ end: Int, _ subject: String
    ) throws(MalformedInput) -> Int {
        let start = cursor
        let first = try byte(bytes, &cursor, end, subject)
        guard first & 0x80 != 0 else { return Int(first) }
        guard first != 0x80 else { throw MalformedInput(subject, "the length at byte \(start) is indefinite") }
        let count = first & 0x7F
        guard count <= 4 else { throw MalformedInput(subject, "the length at byte \(start) is over 4 GiB") }
        var length = 0
        for index in 0..<count {
            let next = try byte(bytes, &cursor, end, subject)
            guard index > 0 || next != 0 else {
                throw MalformedInput(subject, "the length at byte \(start) is not minimal")
            }
            length = length << 8 | Int(next)
        }
        guard length >= 0x80 else { throw MalformedInput(subject, "the length at byte \(start) is not minimal") }
        return length
    }

    /// Checks every header in `bytes`, which must be one element whose contained elements fill it exactly.
    static func checkAll(_ bytes: Span<UInt8>, subject: String) throws(MalformedInput) {
        // The ends of the open elements, outermost first; a list instead of recursion, which untrusted input could exhaust.
        var ends: [Int] = []
        var position = 0
        repeat {
            guard ends.count < depthLimit else {
                throw MalformedInput(subject, "its elements are nested deeper than \(depthLimit)")
            }
            let header = try DERHeader(bytes, at: position, end: ends.last ?? bytes.count, subject: subject)
            if header.tag.isConstructed {
                ends.append(header.contents.upperBound)
                position = header.contents.lowerBound
            } else {
                position = header.contents.upperBound
            }
            while let end = ends.last, position == end { ends.removeLast() }
        } while !ends.isEmpty
        guard position == bytes.count else {
            throw MalformedInput(subject, "\(bytes.count - position) bytes follow its end")
        }
    }
}
