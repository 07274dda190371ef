import Bytes

extension TOMLReader {
    /// Reads a single-line string from its first quotation mark, as UTF-8.
    mutating func shortText(_ text: Span<UInt8>, _ quote: UInt8) throws(TOMLFault) -> [UInt8] {
        let start = place(text)
        position += 1
        var utf8: [UInt8] = []
        var marks = 0
        while let byte = next(text), byte != UInt8(ascii: "\n") {
            if byte == quote {
                position += 1
                return utf8
            }
            if byte == UInt8(ascii: "\\"), quote == UInt8(ascii: "\"") {
                try escaped(text, &utf8, &marks)
            } else {
                try copy(text, &utf8, &marks)
            }
        }
        throw fault(at: start, "holds a text that does not end in its line")
    }

    /// Reads a multi-line string from the first of its three quotation marks. Its line breaks become line feeds.
    mutating func longText(_ text: Span<UInt8>, _ quote: UInt8) throws(TOMLFault) -> [UInt8] {
        let start = place(text)
        position += 3
        _ = takeLineBreak(text)
        var utf8: [UInt8] = []
        var marks = 0
        while let byte = next(text) {
            if byte == quote {
                // Up to two quotation marks may precede the closing three.
                var quotes = 0
                while quotes < 5, next(text) == quote {
                    quotes += 1
                    position += 1
                }
                utf8 += Array(repeating: quote, count: quotes >= 3 ? quotes - 3 : quotes)
                if quotes >= 3 { return utf8 }
                marks = 0
            } else if byte == UInt8(ascii: "\\"), quote == UInt8(ascii: "\"") {
                if !skipJoint(text) { try escaped(text, &utf8, &marks) }
            } else if takeLineBreak(text) {
                utf8.append(UInt8(ascii: "\n"))
                marks = 0
            } else {
                try copy(text, &utf8, &marks)
            }
        }
        throw fault(at: start, "holds a text that does not end")
    }

    /// Skips a backslash at a line's end, and the white space up to the next character.
    ///
    /// - Returns: false, with nothing skipped, when the backslash is not at a line's end.
    private mutating func skipJoint(_ text: Span<UInt8>) -> Bool {
        let start = position
        position += 1
        skipBlanks(text)
        guard takeLineBreak(text) else {
            position = start
            return false
        }
        repeat { skipBlanks(text) } while takeLineBreak(text)
        return true
    }

    private mutating func copy(
        _ text: Span<UInt8>, _ utf8: inout [UInt8], _ marks: inout Int
    ) throws(TOMLFault) {
        let length = try visible(text, &marks)
        for index in 0..<length { utf8.append(text[position + index]) }
        position += length
    }

    /// The length of the character here, if it is allowed in texts and comments.
    func visible(_ text: Span<UInt8>, _ marks: inout Int) throws(TOMLFault) -> Int {
        let byte = text[position]
        guard byte >= 0x80 else {
            guard byte == UInt8(ascii: "\t") || byte >= 0x20 && byte != 0x7F else {
                throw fault(text, byte == 0 ? "holds a NUL" : "holds a control character that is not escaped")
            }
            marks = 0
            return 1
        }
        guard let (scalar, length) = UTF8Scalar.read(text, at: position) else { throw fault(text, "is not UTF-8") }
        try count(text, scalar, &marks)
        return length
    }

    /// Bounds sequences of combining marks (``CombiningMarks``).
    private func count(_ text: Span<UInt8>, _ scalar: Unicode.Scalar, _ marks: inout Int) throws(TOMLFault) {
        marks = CombiningMarks.isMark(scalar) ? marks + 1 : 0
        guard marks <= CombiningMarks.most else {
            throw fault(text, "has more than \(CombiningMarks.most) combining marks in a row")
        }
    }

    /// Reads an escape.
    private mutating func escaped(
        _ text: Span<UInt8>, _ utf8: inout [UInt8], _ marks: inout Int
    ) throws(TOMLFault) {
        let scalar: Unicode.Scalar
        var length = 2
        switch byte(text, 1) {
        case UInt8(ascii: "\""): scalar = "\""
        case UInt8(ascii: "\\"): scalar = "\\"
        case UInt8(ascii: "b"): scalar = "\u{08}"
        case UInt8(ascii: "t"): scalar = "\t"
        case UInt8(ascii: "n"): scalar = "\n"
        case UInt8(ascii: "f"): scalar = "\u{0C}"
        case UInt8(ascii: "r"): scalar = "\r"
        case UInt8(ascii: "u"): (scalar, length) = (try hex(text, digits: 4), 6)
        case UInt8(ascii: "U"): (scalar, length) = (try hex(text, digits: 8), 10)
        default: throw fault(text, "has an escape that TOML does not know")
        }
        guard scalar != "\0" || limits.allowsNUL else { throw fault(text, "holds an escaped NUL") }
        try count(text, scalar, &marks)
        utf8 += scalar.utf8
        position += length
    }

    private func hex(_ text: Span<UInt8>, digits: Int) throws(TOMLFault) -> Unicode.Scalar {
        var code: UInt32 = 0
        for index in 2..<(digits + 2) {
            guard let digit = byte(text, index)?.hexValue else {
                throw fault(text, "has an escape without its \(digits) hex digits")
            }
            code = code << 4 | UInt32(digit)
        }
        guard let scalar = Unicode.Scalar(code) else { throw fault(text, "has an escape that is not a character") }
        return scalar
    }
}
