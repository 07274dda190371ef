import Bytes

/// An incremental reader of a chunked body. Trailers are checked and discarded.
/// Source: RFC 9112, section 7.1.
public struct ChunkedReader: Sendable {
    public enum Piece: Sendable, Hashable {
        /// A part of the body.
        case data(Range<Int>)
        /// More bytes are needed.
        case incomplete
        /// The body ended before this position.
        case end(Int)
    }

    private enum State {
        case size(digits: Int)
        case extensions
        case sizeLineFeed
        case data
        case dataCarriageReturn
        case dataLineFeed
        case trailer(TrailerState)
        case complete
    }

    private enum TrailerState { case lineStart, name, value, lineFeed, lastLineFeed }

    /// Including leading zeros.
    private static let mostDigits = 16
    /// Extensions and trailers together, in bytes.
    private static let mostExtras = 4_096

    private var state = State.size(digits: 0)
    /// Unread bytes of the chunk.
    private var left = 0
    private var extras = 0

    public init() {}

    /// - Parameters:
    ///   - bytes: all received bytes.
    ///   - position: the first unread byte; advanced by the call.
    public mutating func next(in bytes: [UInt8], at position: inout Int) throws(MalformedMessage) -> Piece {
        let span = bytes.span
        while position < span.count {
            if case .data = state {
                let range = position..<(position + min(left, span.count - position))
                position = range.upperBound
                left -= range.count
                if left == 0 { state = .dataCarriageReturn }
                return .data(range)
            }
            if case .complete = state { return .end(position) }
            let byte = span[position]
            position += 1
            try read(byte)
            if case .complete = state { return .end(position) }
        }
        if case .complete = state { return .end(position) }
        return .incomplete
    }

    private mutating func read(_ byte: UInt8) throws(MalformedMessage) {
        switch state {
        case .size(let digits): try readSize(byte, digits)
        case .extensions:
            guard byte != .carriageReturn else { return state = .sizeLineFeed }
            guard byte.isFieldCharacter else { throw Self.badSize }
            try countExtra()
        case .sizeLineFeed:
            guard byte == .lineFeed else { throw Self.badSize }
            state = left == 0 ? .trailer(.lineStart) : .data
        case .dataCarriageReturn:
            guard byte == .carriageReturn else { throw Self.badEnd }
            state = .dataLineFeed
        case .dataLineFeed:
            guard byte == .lineFeed else { throw Self.badEnd }
            state = .size(digits: 0)
        case .trailer(let trailer): try readTrailer(byte, trailer)
        case .data, .complete: break
        }
    }

    private mutating func readSize(_ byte: UInt8, _ digits: Int) throws(MalformedMessage) {
        if let value = byte.hexValue {
            guard digits < Self.mostDigits, left >> 55 == 0 else {
                throw MalformedMessage(.chunk, "A chunk's size has too many digits.")
            }
            left = left << 4 | Int(value)
            state = .size(digits: digits + 1)
            return
        }
        guard digits > 0 else { throw Self.badSize }
        switch byte {
        case .carriageReturn: state = .sizeLineFeed
        case UInt8(ascii: ";"): state = .extensions
        default: throw Self.badSize
        }
    }

    private mutating func readTrailer(_ byte: UInt8, _ trailer: TrailerState) throws(MalformedMessage) {
        try countExtra()
        switch (trailer, byte) {
        case (.lineStart, .carriageReturn): state = .trailer(.lastLineFeed)
        case (.lastLineFeed, .lineFeed): state = .complete
        case (.lineStart, _) where byte.isTokenCharacter: state = .trailer(.name)
        case (.name, .colon): state = .trailer(.value)
        case (.name, _) where byte.isTokenCharacter: break
        case (.value, .carriageReturn): state = .trailer(.lineFeed)
        case (.value, _) where byte.isFieldCharacter: break
        case (.lineFeed, .lineFeed): state = .trailer(.lineStart)
        default: throw MalformedMessage(.chunk, "The trailer after the last chunk is not a header field.")
        }
    }

    private mutating func countExtra() throws(MalformedMessage) {
        extras += 1
        guard extras <= Self.mostExtras else {
            throw MalformedMessage(
                .chunk, "The chunks' extensions and trailers are longer than \(Self.mostExtras) bytes.")
        }
    }

    private static let badSize = MalformedMessage(.chunk, "A chunk's size is not hexadecimal digits and CR LF.")
    private static let badEnd = MalformedMessage(.chunk, "A chunk's length differs from its size.")
}
