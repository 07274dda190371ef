package import Evidence

/// Reads JSON of which two readers must not think differently: what a signature or a digest is over.
///
/// Stricter than Foundation's reader: a member that comes twice is refused, and so are halves of surrogate pairs, numbers
/// that are not finite, names longer and what is nested deeper than anyone's messages have them.
/// Source: RFC 8259; RFC 7493 (I-JSON) for what is refused.
package struct StrictJSON {
    private let bytes: [UInt8]
    private var position = 0

    /// How deep arrays and objects may lie in one another.
    package static let deepest = 32
    /// Of a member's name, in bytes.
    package static let longestName = 256

    /// - Throws: ``MalformedInput`` that says where, and repeats nothing of it.
    package static func read(_ bytes: some Sequence<UInt8>) throws(MalformedInput) -> JSONValue {
        let bytes = Array(bytes)
        do { try CombiningMarks.check(bytes) } catch { throw MalformedInput("JSON", error.reason) }
        var reader = StrictJSON(bytes: bytes)
        let value = try reader.value(depth: 0)
        reader.skipSpace()
        guard reader.position == reader.bytes.count else { throw reader.malformed("something follows its end") }
        return value
    }

    private init(bytes: [UInt8]) { self.bytes = bytes }

    private var next: UInt8? { position < bytes.count ? bytes[position] : nil }

    private func malformed(_ reason: String) -> MalformedInput {
        MalformedInput("JSON", "\(reason) (at byte \(position))")
    }

    private mutating func skipSpace() {
        while let byte = next, byte == 0x20 || byte == 0x0A || byte == 0x0D || byte == 0x09 { position += 1 }
    }

    private mutating func take(_ wanted: UInt8) -> Bool {
        guard next == wanted else { return false }
        position += 1
        return true
    }

    private mutating func value(depth: Int) throws(MalformedInput) -> JSONValue {
        guard depth <= Self.deepest else { throw malformed("it is nested deeper than \(Self.deepest)") }
        skipSpace()
        switch next {
        case UInt8(ascii: "{"): return try object(depth: depth)
        case UInt8(ascii: "["): return try array(depth: depth)
        case UInt8(ascii: "\""): return .text(try string())
        case UInt8(ascii: "t"): return try word("true", .bool(true))
        case UInt8(ascii: "f"): return try word("false", .bool(false))
        case UInt8(ascii: "n"): return try word("null", .null)
        default: return .number(try number())
        }
    }

    private mutating func word(_ text: StaticString, _ value: JSONValue) throws(MalformedInput) -> JSONValue {
        for wanted in "\(text)".utf8 {
            guard take(wanted) else { throw malformed("a value was expected") }
        }
        return value
    }

    private mutating func object(depth: Int) throws(MalformedInput) -> JSONValue {
        position += 1
        var members: [String: JSONValue] = [:]
        skipSpace()
        if take(UInt8(ascii: "}")) { return .object(members) }
        while true {
            skipSpace()
            guard next == UInt8(ascii: "\"") else { throw malformed("a member's name was expected") }
            let name = try string()
            guard name.utf8.count <= Self.longestName else {
                throw malformed("a member's name is longer than \(Self.longestName) bytes")
            }
            skipSpace()
            guard take(UInt8(ascii: ":")) else { throw malformed("a colon was expected") }
            // Which of two counts is every reader's own decision.
            guard members.updateValue(try value(depth: depth + 1), forKey: name) == nil else {
                throw malformed("a member comes twice")
            }
            skipSpace()
            if take(UInt8(ascii: "}")) { return .object(members) }
            guard take(UInt8(ascii: ",")) else { throw malformed("a comma or the object's end was expected") }
        }
    }

    private mutating func array(depth: Int) throws(MalformedInput) -> JSONValue {
        position += 1
        var values: [JSONValue] = []
        skipSpace()
        if take(UInt8(ascii: "]")) { return .array(values) }
        while true {
            values.append(try value(depth: depth + 1))
            skipSpace()
            if take(UInt8(ascii: "]")) { return .array(values) }
            guard take(UInt8(ascii: ",")) else { throw malformed("a comma or the array's end was expected") }
        }
    }

    private mutating func digits() throws(MalformedInput) {
        let start = position
        while let byte = next, Self.isDigit(byte) { position += 1 }
        guard position > start else { throw malformed("a value was expected") }
    }

    private static func isDigit(_ byte: UInt8) -> Bool { (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(byte) }

    private mutating func number() throws(MalformedInput) -> Double {
        let start = position
        _ = take(UInt8(ascii: "-"))
        if take(UInt8(ascii: "0")) {
            if let byte = next, Self.isDigit(byte) { throw malformed("a number begins with zero") }
        } else {
            try digits()
        }
        if take(UInt8(ascii: ".")) { try digits() }
        if next == UInt8(ascii: "e") || next == UInt8(ascii: "E") {
            position += 1
            if next == UInt8(ascii: "+") || next == UInt8(ascii: "-") { position += 1 }
            try digits()
        }
        guard position - start <= 40, let value = Double(String(decoding: bytes[start..<position], as: UTF8.self)),
            value.isFinite
        else { throw malformed("a number cannot be used") }
        return value
    }

    private mutating func string() throws(MalformedInput) -> String {
        position += 1
        var utf8: [UInt8] = []
        while let byte = next {
            position += 1
            switch byte {
            case UInt8(ascii: "\""):
                guard let text = String(validating: utf8, as: UTF8.self) else { throw malformed("it is not UTF-8") }
                return text
            case UInt8(ascii: "\\"): utf8 += try escaped()
            case 0..<0x20: throw malformed("a control character is not escaped")
            default: utf8.append(byte)
            }
        }
        throw malformed("it ends within a text")
    }

    private mutating func escaped() throws(MalformedInput) -> [UInt8] {
        guard let byte = next else { throw malformed("it ends within a text") }
        position += 1
        switch byte {
        case UInt8(ascii: "\""), UInt8(ascii: "\\"), UInt8(ascii: "/"): return [byte]
        case UInt8(ascii: "b"): return [0x08]
        case UInt8(ascii: "f"): return [0x0C]
        case UInt8(ascii: "n"): return [0x0A]
        case UInt8(ascii: "r"): return [0x0D]
        case UInt8(ascii: "t"): return [0x09]
        case UInt8(ascii: "u"): return Array(String(try scalar()).utf8)
        default: throw malformed("an escape is unknown")
        }
    }

    private mutating func scalar() throws(MalformedInput) -> Character {
        let unit = try codeUnit()
        if let scalar = Unicode.Scalar(unit) { return Character(scalar) }
        guard (0xD800..<0xDC00).contains(unit), take(UInt8(ascii: "\\")), take(UInt8(ascii: "u")) else {
            throw malformed("half of a surrogate pair stands alone")
        }
        let low = try codeUnit()
        guard (0xDC00..<0xE000).contains(low),
            let scalar = Unicode.Scalar(0x10000 + (UInt32(unit) - 0xD800) << 10 + (UInt32(low) - 0xDC00))
        else { throw malformed("half of a surrogate pair stands alone") }
        return Character(scalar)
    }

    private mutating func codeUnit() throws(MalformedInput) -> UInt16 {
        guard bytes.count - position >= 4,
            let pair = Hex.decode(String(decoding: bytes[position..<position + 4], as: UTF8.self))
        else { throw malformed("an escape needs four hex digits") }
        position += 4
        return UInt16(pair[0]) << 8 | UInt16(pair[1])
    }
}
