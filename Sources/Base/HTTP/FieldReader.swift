/// A reader of the field lines of a complete head (``HeadReader``). Source: RFC 9112, section 5.
struct FieldReader {
    private var position: Int
    /// After the last field's CR LF.
    private let end: Int

    /// - Parameter lines: the range of the field lines, without the empty line that ends the head.
    init(_ lines: Range<Int>) { (position, end) = (lines.lowerBound, lines.upperBound) }

    /// The ranges of a field's name and value.
    struct Line {
        let name: Range<Int>
        let value: Range<Int>
    }

    /// - Returns: nil after the last field.
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
            return MalformedMessage(.field, "A header field's name is not followed directly by a colon.")
        }
        return switch span[name.lowerBound] {
        case .space, .tab: MalformedMessage(.field, "A header field is folded over two lines.")
        case .colon: MalformedMessage(.field, "A header field has no name.")
        default: MalformedMessage(.field, "A header field's name holds an invalid character.")
        }
    }
}

/// The length of a message's body.
public enum BodyLength: Sendable, Hashable {
    /// In bytes; 0 without a body.
    case bytes(Int)
    case chunked
    /// Until the connection ends; in responses only.
    case untilEnd
}

/// The fields that determine a message's body length and its connection's end. Source: RFC 9112, section 6.
struct Framing {
    private var length: Int?
    private var isChunked = false
    private(set) var closes = false
    private(set) var keepsAlive = false

    /// Evaluates one field.
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
            throw MalformedMessage(.bodyLength, "Content-Length is not a decimal number.")
        }
        // 18 digits always fit into 63 bits.
        guard value.count <= 18 else {
            throw MalformedMessage(.bodyLength, .contentTooLarge, "Content-Length is longer than 18 digits.")
        }
        length = value.reduce(0) { $0 * 10 + Int($1 - UInt8(ascii: "0")) }
    }

    private mutating func noteCoding(_ value: ArraySlice<UInt8>) throws(MalformedMessage) {
        guard !isChunked else { throw MalformedMessage(.coding, "Transfer-Encoding comes twice.") }
        guard value.isCaseInsensitively("chunked") else {
            throw MalformedMessage(.coding, .notImplemented, "Transfer-Encoding is not chunked alone.")
        }
        isChunked = true
    }

    /// - Returns: nil when the fields determine none.
    func bodyLength(isHTTP10: Bool) throws(MalformedMessage) -> BodyLength? {
        guard isChunked else { return length.map { .bytes($0) } }
        guard length == nil else {
            throw MalformedMessage(.bodyLength, "Content-Length and Transfer-Encoding cannot both be given.")
        }
        // A proxy with HTTP/1.0 ignores the field, and would take the chunks for another message.
        guard !isHTTP10 else { throw MalformedMessage(.coding, "HTTP/1.0 has no Transfer-Encoding.") }
        return .chunked
    }
}
