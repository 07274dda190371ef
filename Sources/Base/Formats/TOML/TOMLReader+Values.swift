import Bytes

extension TOMLReader {
    /// - Parameter depth: of the containing table or array.
    mutating func value(_ text: Span<UInt8>, depth: Int) throws(TOMLFault) -> TOMLValue {
        guard let byte = next(text) else { throw fault(text, "ends where a value is expected") }
        try count(text)
        switch byte {
        case UInt8(ascii: "\""), UInt8(ascii: "'"):
            let isLong = self.byte(text, 1) == byte && self.byte(text, 2) == byte
            let utf8 = isLong ? try longText(text, byte) : try shortText(text, byte)
            return .text(String(decoding: utf8, as: UTF8.self))
        case UInt8(ascii: "["): return .array(try array(text, depth: depth))
        case UInt8(ascii: "{"): return .table(try inlineTable(text, depth: depth))
        default: return try plain(text)
        }
    }

    private mutating func array(_ text: Span<UInt8>, depth: Int) throws(TOMLFault) -> [TOMLElement] {
        guard depth < limits.depth else { throw tooDeep(text) }
        position += 1
        var elements: [TOMLElement] = []
        while true {
            try skipLines(text)
            if take(text, UInt8(ascii: "]")) { return elements }
            let start = place(text)
            elements.append(TOMLElement(value: try value(text, depth: depth + 1), position: start))
            try skipLines(text)
            if take(text, UInt8(ascii: "]")) { return elements }
            guard take(text, UInt8(ascii: ",")) else {
                throw fault(text, try unexpected(text, "needs a comma or the array's end"))
            }
        }
    }

    /// `{ a = 1, b.c = 2 }`, on one line, without a trailing comma.
    private mutating func inlineTable(_ text: Span<UInt8>, depth: Int) throws(TOMLFault) -> TOMLTable {
        guard depth < limits.depth else { throw tooDeep(text) }
        position += 1
        let table = TOMLBuilder(.braces)
        skipBlanks(text)
        if take(text, UInt8(ascii: "}")) { return table.table }
        while true {
            skipBlanks(text)
            // Section 0: its dotted keys form one section.
            try entry(text, in: table, section: 0, depth: depth)
            skipBlanks(text)
            if take(text, UInt8(ascii: "}")) { return table.table }
            guard take(text, UInt8(ascii: ",")) else {
                throw fault(
                    text, try unexpected(text, "needs a comma or the brace that ends the table, on the same line"))
            }
        }
    }

    /// Reads a number, a word or a time.
    private mutating func plain(_ text: Span<UInt8>) throws(TOMLFault) -> TOMLValue {
        let start = place(text)
        var token: [UInt8] = []
        while let byte = next(text), Self.isPlain(byte), token.count <= Self.longestToken {
            token.append(byte)
            position += 1
            // A space may stand between a date and its time.
            if token.count == 10, Self.isDate(token), next(text) == UInt8(ascii: " "),
                self.byte(text, 1)?.isDigit == true
            {
                token.append(UInt8(ascii: "T"))
                position += 1
            }
        }
        switch token {
        case []: throw fault(text, try unexpected(text, "has something where a value is expected"))
        case Array("true".utf8): return .bool(true)
        case Array("false".utf8): return .bool(false)
        default: break
        }
        guard token.count <= Self.longestToken,
            let value = Self.time(token) ?? Self.integer(token) ?? Self.number(token)
        else {
            throw fault(
                at: start,
                Self.digits(token) == nil
                    ? "has a value that is not a text in quotation marks, number, date, true or false"
                    : "has a whole number that 64 bits cannot hold")
        }
        return value
    }

    /// A number or time, in characters. A binary number has 66 without underscores.
    private static let longestToken = 256

    private static func isPlain(_ byte: UInt8) -> Bool {
        switch byte {
        case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
            UInt8(ascii: "0")...UInt8(ascii: "9"):
            true
        default: "+-_.:".utf8.contains(byte)
        }
    }

    private static func isDate(_ token: [UInt8]) -> Bool {
        token.count == 10 && token[4] == UInt8(ascii: "-") && token[7] == UInt8(ascii: "-")
            && [0, 1, 2, 3, 5, 6, 8, 9].allSatisfy { token[$0].isDigit }
    }

    /// Removes underscores, each of which must be between two digits.
    private static func withoutUnderscores(_ digits: ArraySlice<UInt8>, base: Int = 10) -> [UInt8]? {
        var found: [UInt8] = []
        var wasDigit = false
        for byte in digits {
            if byte == UInt8(ascii: "_") {
                guard wasDigit else { return nil }
                wasDigit = false
            } else {
                guard let digit = byte.hexValue, digit < base else { return nil }
                found.append(byte)
                wasDigit = true
            }
        }
        return wasDigit ? found : nil
    }

    private static func integer(_ token: [UInt8]) -> TOMLValue? {
        digits(token).flatMap { Int($0.text, radix: $0.base) }.map(TOMLValue.integer)
    }

    /// A whole number of any size, without underscores and base prefix.
    private static func digits(_ token: [UInt8]) -> (text: String, base: Int)? {
        if token.count > 2, token[0] == UInt8(ascii: "0"),
            let base = [UInt8(ascii: "x"): 16, UInt8(ascii: "o"): 8, UInt8(ascii: "b"): 2][token[1]]
        {
            return withoutUnderscores(token[2...], base: base).map { (String(decoding: $0, as: UTF8.self), base) }
        }
        let isSigned = token.first == UInt8(ascii: "+") || token.first == UInt8(ascii: "-")
        guard let digits = withoutUnderscores(token.dropFirst(isSigned ? 1 : 0)),
            digits.count == 1 || digits.first != UInt8(ascii: "0")
        else { return nil }
        let sign = token.first == UInt8(ascii: "-") ? "-" : ""
        return (sign + String(decoding: digits, as: UTF8.self), 10)
    }

    private static func number(_ token: [UInt8]) -> TOMLValue? {
        var rest = token[...]
        let isNegative = rest.first == UInt8(ascii: "-")
        if isNegative || rest.first == UInt8(ascii: "+") { rest = rest.dropFirst() }
        if rest.elementsEqual("inf".utf8) { return .number(isNegative ? -.infinity : .infinity) }
        if rest.elementsEqual("nan".utf8) { return .number(.nan) }
        let mantissa = rest.prefix { $0 | 0x20 != UInt8(ascii: "e") }
        let exponent = rest.dropFirst(mantissa.count)
        guard let whole = withoutUnderscores(mantissa.prefix { $0 != UInt8(ascii: ".") }),
            whole.count == 1 || whole.first != UInt8(ascii: "0")
        else { return nil }
        var digits = (isNegative ? "-" : "") + String(decoding: whole, as: UTF8.self)
        let fraction = mantissa.drop { $0 != UInt8(ascii: ".") }
        // Without either it is an integer that is too large.
        guard !fraction.isEmpty || !exponent.isEmpty else { return nil }
        if !fraction.isEmpty {
            guard let fraction = withoutUnderscores(fraction.dropFirst()) else { return nil }
            digits += "." + String(decoding: fraction, as: UTF8.self)
        }
        if !exponent.isEmpty {
            var exponent = exponent.dropFirst()
            let isSmall = exponent.first == UInt8(ascii: "-")
            if isSmall || exponent.first == UInt8(ascii: "+") { exponent = exponent.dropFirst() }
            guard let exponent = withoutUnderscores(exponent) else { return nil }
            digits += "e" + (isSmall ? "-" : "") + String(decoding: exponent, as: UTF8.self)
        }
        guard let value = Double(digits), value.isFinite else { return nil }
        return .number(value)
    }

    /// A date, a time of day or both.
    private static func time(_ token: [UInt8]) -> TOMLValue? {
        var rest = token[...]
        var text = ""
        var date: (Int, Int, Int)?
        if isDate(Array(token.prefix(10))) {
            func number(_ range: Range<Int>) -> Int {
                token[range].reduce(0) { $0 * 10 + Int($1 - UInt8(ascii: "0")) }
            }
            date = (number(0..<4), number(5..<7), number(8..<10))
            text = String(decoding: token.prefix(10), as: UTF8.self)
            rest = rest.dropFirst(10)
            if rest.isEmpty { return isReal(date, (0, 0, 0)) ? .time(TOMLTime(kind: .date, text: text)) : nil }
            guard rest.first.map({ $0 | 0x20 }) == UInt8(ascii: "t") else { return nil }
            rest = rest.dropFirst()
            text += "T"
        }
        guard rest.count >= 8, let clock = Self.clock(Array(rest.prefix(8))), isReal(date, clock) else { return nil }
        text += String(decoding: rest.prefix(8), as: UTF8.self)
        rest = rest.dropFirst(8)
        if rest.first == UInt8(ascii: ".") {
            let fraction = rest.dropFirst().prefix(while: \.isDigit)
            guard !fraction.isEmpty else { return nil }
            text += "." + String(decoding: fraction, as: UTF8.self)
            rest = rest.dropFirst(fraction.count + 1)
        }
        if rest.isEmpty { return .time(TOMLTime(kind: date == nil ? .timeOfDay : .local, text: text)) }
        guard date != nil else { return nil }
        if rest.count == 1, rest.first.map({ $0 | 0x20 }) == UInt8(ascii: "z") {
            return .time(TOMLTime(kind: .offset, text: text + "Z"))
        }
        guard rest.count == 6, rest.first == UInt8(ascii: "+") || rest.first == UInt8(ascii: "-"),
            Self.clock(Array(rest.dropFirst()) + Array(":00".utf8)) != nil
        else { return nil }
        return .time(TOMLTime(kind: .offset, text: text + String(decoding: rest, as: UTF8.self)))
    }

    /// Whether the date and time exist.
    private static func isReal(_ date: (Int, Int, Int)?, _ clock: (Int, Int, Int)) -> Bool {
        let (year, month, day) = date ?? (2000, 1, 1)
        return CivilTime(year, month, day, clock.0, clock.1, clock.2) != nil
    }

    /// `12:30:00`
    private static func clock(_ digits: [UInt8]) -> (Int, Int, Int)? {
        guard digits.count == 8, digits[2] == UInt8(ascii: ":"), digits[5] == UInt8(ascii: ":"),
            [0, 1, 3, 4, 6, 7].allSatisfy({ digits[$0].isDigit })
        else { return nil }
        func number(_ start: Int) -> Int {
            Int(digits[start] - UInt8(ascii: "0")) * 10 + Int(digits[start + 1] - UInt8(ascii: "0"))
        }
        let clock = (number(0), number(3), number(6))
        return clock.0 < 24 && clock.1 < 60 && clock.2 < 60 ? clock : nil
    }
}
