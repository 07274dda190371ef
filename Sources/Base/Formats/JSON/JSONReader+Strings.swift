import Bytes

extension JSONReader {
    /// Reads a string.
    ///
    /// - Returns: the content's range, in the text without escapes, else in the pool.
    mutating func stringContent(_ text: Span<UInt8>) throws(MalformedInput) -> (Range<Int>, isPooled: Bool) {
        let start = position + 1
        position = Self.endOfPlain(text, from: start)
        guard position < text.count, text[position] == UInt8(ascii: "\"") else {
            return try escapedContent(text, start)
        }
        position += 1
        return (start..<(position - 1), false)
    }

    /// The first position from `start` on that is not an ASCII character which stands for itself.
    private static func endOfPlain(_ text: Span<UInt8>, from start: Int) -> Int {
        var position = start
        while position < text.count {
            let byte = text[position]
            guard byte &- 0x20 < 0x60, byte != UInt8(ascii: "\""), byte != UInt8(ascii: "\\") else { break }
            position += 1
        }
        return position
    }

    /// Reads the rest of a string with escapes or characters beyond ASCII.
    private mutating func escapedContent(
        _ text: Span<UInt8>, _ start: Int
    ) throws(MalformedInput) -> (Range<Int>, isPooled: Bool) {
        let first = poolCount
        var isPooled = false
        var marks = 0
        while position < text.count {
            let byte = text[position]
            switch byte {
            case UInt8(ascii: "\""):
                position += 1
                return isPooled ? (first..<poolCount, true) : (start..<(position - 1), false)
            case 0..<0x20: throw malformed(text, "a control character is not escaped")
            case UInt8(ascii: "\\"):
                if !isPooled {
                    keep(text, start..<position)
                    isPooled = true
                }
                let scalar = try escaped(text)
                try count(text, scalar, &marks)
                for byte in scalar.utf8 { keep(byte) }
            case 0x80...:
                guard let (scalar, length) = UTF8Scalar.read(text, at: position) else {
                    throw malformed(text, "it is not UTF-8")
                }
                try count(text, scalar, &marks)
                if isPooled { keep(text, position..<(position + length)) }
                position += length
            default:
                marks = 0
                let end = Self.endOfPlain(text, from: position)
                if isPooled { keep(text, position..<end) }
                position = end
            }
        }
        throw malformed(text, "it ends within a text")
    }

    private mutating func keep(_ byte: UInt8) {
        pool[poolCount] = byte
        poolCount += 1
    }

    private mutating func keep(_ text: Span<UInt8>, _ range: Range<Int>) {
        Self.copy(text, range, into: &pool, at: poolCount)
        poolCount += range.count
    }

    private static func copy(_ text: Span<UInt8>, _ range: Range<Int>, into pool: inout [UInt8], at first: Int) {
        var pool = pool.mutableSpan
        for index in range { pool[first + index - range.lowerBound] = text[index] }
    }

    /// Bounds sequences of combining marks (``CombiningMarks``).
    private func count(_ text: Span<UInt8>, _ scalar: Unicode.Scalar, _ marks: inout Int) throws(MalformedInput) {
        marks = CombiningMarks.isMark(scalar) ? marks + 1 : 0
        guard marks <= CombiningMarks.most else {
            throw malformed(text, "more than \(CombiningMarks.most) combining marks follow one another")
        }
    }

    /// Reads an escape. Source: RFC 8259, section 7.
    private mutating func escaped(_ text: Span<UInt8>) throws(MalformedInput) -> Unicode.Scalar {
        guard position + 1 < text.count else { throw malformed(text, "it ends within a text") }
        let letter = text[position + 1]
        position += 2
        switch letter {
        case UInt8(ascii: "\""), UInt8(ascii: "\\"), UInt8(ascii: "/"): return Unicode.Scalar(letter)
        case UInt8(ascii: "b"): return "\u{08}"
        case UInt8(ascii: "f"): return "\u{0C}"
        case UInt8(ascii: "n"): return "\n"
        case UInt8(ascii: "r"): return "\r"
        case UInt8(ascii: "t"): return "\t"
        case UInt8(ascii: "u"): break
        default: throw malformed(text, "an escape is unknown")
        }
        let unit = try codeUnit(text)
        if let scalar = Unicode.Scalar(unit) { return scalar }
        guard unit < 0xDC00, position + 1 < text.count, text[position] == UInt8(ascii: "\\"),
            text[position + 1] == UInt8(ascii: "u")
        else { throw malformed(text, "a surrogate is alone") }
        position += 2
        let low = try codeUnit(text)
        guard (0xDC00..<0xE000).contains(low),
            let scalar = Unicode.Scalar(0x10000 + (unit - 0xD800) << 10 + (low - 0xDC00))
        else { throw malformed(text, "a surrogate is alone") }
        return scalar
    }

    /// Four hex digits.
    private mutating func codeUnit(_ text: Span<UInt8>) throws(MalformedInput) -> UInt32 {
        guard text.count - position >= 4 else { throw malformed(text, "an escape needs four hex digits") }
        var unit: UInt32 = 0
        for _ in 0..<4 {
            guard let digit = text[position].hexValue else { throw malformed(text, "an escape needs four hex digits") }
            unit = unit << 4 | UInt32(digit)
            position += 1
        }
        return unit
    }
}
