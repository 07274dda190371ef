/// Reads the field lines of a head that ``HeadReader`` has found whole. Source: RFC 9112, section 5.
struct FieldReader {
    private var position: Int
    /// Behind the last field's CR LF.
    private let end: Int

    /// - Parameter lines: where the fields stand, without the empty line behind them.
    init(_ lines: Range<Int>) { (position, end) = (lines.lowerBound, lines.upperBound) }

    /// A field's name and value, by where they stand.
    struct Line {
        let name: Range<Int>
        let value: Range<Int>
    }

    /// - Returns: nil after the last one.
    mutating func next(in bytes: [UInt8]) throws(MalformedMessage) -> Line? {
        guard self.position < self.end else { return nil }
        let span = bytes.span
        var position = self.position
        let end = self.end
        let nameStart = position
        while position < end, span[position].isTokenCharacter { position += 1 }
        let name = nameStart..<position
        guard !name.isEmpty, position < end, span[position] == .colon else { throw badName(span, name) }
        position += 1
        while position < end, span[position] == .space || span[position] == .tab { position += 1 }
        let valueStart = position
        var valueEnd = position
        while position < end, span[position].isFieldCharacter {
            position += 1
            if span[position - 1] != .space, span[position - 1] != .tab { valueEnd = position }
        }
        guard position + 1 < end, span[position] == .carriageReturn, span[position + 1] == .lineFeed else {
            throw MalformedMessage(.field, "A header field's value holds a control character.")
        }
        self.position = position + 2
        return Line(name: name, value: valueStart..<valueEnd)
    }

    private func badName(_ span: Span<UInt8>, _ name: Range<Int>) -> MalformedMessage {
        guard name.isEmpty else {
            return MalformedMessage(.field, "A header field's name is not followed by a colon at once.")
        }
        return switch span[name.lowerBound] {
        case .space, .tab: MalformedMessage(.field, "A header field goes on in a second line.")
        case .colon: MalformedMessage(.field, "A header field has no name.")
        default: MalformedMessage(.field, "A header field's name holds a character that no name has.")
        }
    }
}

/// How long a message's body is.
public enum BodyLength: Sendable, Hashable {
    /// In bytes; 0 when there is no body.
    case bytes(Int)
    case chunked
    /// Until the connection ends. Of responses only.
    case untilEnd
}

/// What a message's fields say of its body and its connection. Source: RFC 9112, section 6.
struct Framing {
    private var length: Int?
    private var isChunked = false
    private(set) var closes = false
    private(set) var keepsAlive = false

    /// Looks at one field.
    ///
    /// - Returns: whether it was one of framing.
    mutating func note(_ name: ArraySlice<UInt8>, _ value: ArraySlice<UInt8>) throws(MalformedMessage) {
        switch name.count {
        case 10 where name.isCaseInsensitively("connection"): noteConnection(value)
        case 14 where name.isCaseInsensitively("content-length"): try noteLength(value)
        case 17 where name.isCaseInsensitively("transfer-encoding"): try noteCoding(value)
        default: break
        }
    }

    private mutating func noteConnection(_ value: ArraySlice<UInt8>) {
        for option in value.split(separator: UInt8(ascii: ",")) {
            let option = option.trimmed
            if option.isCaseInsensitively("close") { closes = true }
            if option.isCaseInsensitively("keep-alive") { keepsAlive = true }
        }
    }

    private mutating func noteLength(_ value: ArraySlice<UInt8>) throws(MalformedMessage) {
        guard length == nil else { throw MalformedMessage(.bodyLength, "Content-Length comes twice.") }
        guard !value.isEmpty, value.allSatisfy(\.isDigit) else {
            throw MalformedMessage(.bodyLength, "Content-Length is not a number of decimal digits.")
        }
        // 18 digits are always fewer than 2^63.
        guard value.count <= 18 else {
            throw MalformedMessage(.bodyLength, .contentTooLarge, "Content-Length is longer than 18 digits.")
        }
        length = value.reduce(0) { $0 * 10 + Int($1 - UInt8(ascii: "0")) }
    }

    private mutating func noteCoding(_ value: ArraySlice<UInt8>) throws(MalformedMessage) {
        guard !isChunked else { throw MalformedMessage(.coding, "Transfer-Encoding comes twice.") }
        guard value.isCaseInsensitively("chunked") else {
            throw MalformedMessage(.coding, .notImplemented, "Transfer-Encoding can be chunked only, and once.")
        }
        isChunked = true
    }

    /// - Returns: nil when the fields do not say.
    func bodyLength(isHTTP10: Bool) throws(MalformedMessage) -> BodyLength? {
        guard isChunked else { return length.map { .bytes($0) } }
        guard length == nil else {
            throw MalformedMessage(.bodyLength, "Content-Length and Transfer-Encoding cannot both be given.")
        }
        // Whoever speaks 1.0 on the way does not know it, and would take the chunks for another message.
        guard !isHTTP10 else { throw MalformedMessage(.coding, "HTTP/1.0 has no Transfer-Encoding.") }
        return .chunked
    }
}
