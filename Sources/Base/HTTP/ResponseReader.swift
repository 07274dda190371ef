/// An incremental reader of one response, for a client. Interim responses (1xx) are skipped.
/// Source: RFC 9112.
public struct ResponseReader: Sendable {
    private enum State { case head, body, complete }

    private let method: HTTPRequest.Method
    private let limits: HeadLimits
    private let longestBody: Int
    private var head: HeadReader
    private var state = State.head
    /// Received bytes that have not been parsed.
    private var input: [UInt8] = []
    private var length = BodyLength.bytes(0)
    private var chunks = ChunkedReader()
    private var interim = 0

    /// The head, once complete.
    public private(set) var response: HTTPResponse?
    /// The received part of the body.
    public private(set) var body: [UInt8] = []
    /// Whether the connection can take another request after the response.
    public private(set) var keepsAlive = false

    /// - Parameters:
    ///   - method: the request's; a response to HEAD has no body.
    ///   - longestBody: in bytes; a longer body is an error.
    public init(to method: HTTPRequest.Method, longestBody: Int, limits: HeadLimits = HeadLimits()) {
        self.method = method
        self.limits = limits
        self.longestBody = longestBody
        head = HeadReader(limits)
    }

    public var isComplete: Bool { state == .complete }

    /// Bytes after the response.
    public var rest: [UInt8] { isComplete ? input : [] }

    /// Parses the connection's next bytes.
    public mutating func read(_ bytes: some Collection<UInt8>) throws(MalformedMessage) {
        input.append(contentsOf: bytes)
        while state == .head {
            guard let end = try head.end(in: input) else { return }
            let start = head.start
            let isFinal = try readHead(from: start, to: end)
            input.removeSubrange(..<end)
            if !isFinal { head = HeadReader(limits) }
        }
        if state == .body { try readBody() }
    }

    /// Ends the response with the connection.
    ///
    /// - Throws: when the response is incomplete.
    public mutating func end() throws(MalformedMessage) {
        if state == .body, length == .untilEnd { state = .complete }
        guard isComplete else {
            throw MalformedMessage(
                .end, .badGateway,
                response == nil && input.isEmpty
                    ? "The connection ended before the response began." : "The connection ended within the response.")
        }
    }

    /// - Returns: whether it is the final response's.
    private mutating func readHead(from start: Int, to end: Int) throws(MalformedMessage) -> Bool {
        let (status, isHTTP10, fieldsStart) = try statusLine(start)
        var (fields, framing) = (HTTPFields(), Framing())
        var reader = FieldReader(fieldsStart..<(end - 2))
        while let field = try reader.next(in: input) {
            try framing.note(input[field.name], input[field.value])
            fields.append(
                HTTPField(
                    name: HTTPField.Name(token: input[field.name]),
                    value: String(decoding: input[field.value], as: UTF8.self)))
        }
        guard status.code >= 200 else {
            interim += 1
            guard interim <= 8, status.code != 101 else {
                throw MalformedMessage(.startLine, .badGateway, "The response has status 101, or over 8 interim ones.")
            }
            return false
        }
        let told = try framing.bodyLength(isHTTP10: isHTTP10)
        length = method == .head || status.hasNoBody ? .bytes(0) : told ?? .untilEnd
        if case .bytes(let count) = length, count > longestBody { throw tooLong() }
        keepsAlive = !isHTTP10 && !framing.closes && length != .untilEnd
        response = HTTPResponse(status: status, headerFields: fields)
        state = length == .bytes(0) ? .complete : .body
        return true
    }

    /// `HTTP/1.1 200 reason`.
    private func statusLine(_ start: Int) throws(MalformedMessage) -> (HTTPResponse.Status, isHTTP10: Bool, end: Int) {
        let lineEnd = input[start...].firstIndex(of: .carriageReturn) ?? input.endIndex
        let line = input[start..<lineEnd]
        let digits = line.dropFirst(9).prefix(3)
        let isHTTP10 = line.starts(with: "HTTP/1.0 ".utf8)
        guard isHTTP10 || line.starts(with: "HTTP/1.1 ".utf8), digits.count == 3, digits.allSatisfy(\.isDigit),
            digits.first != UInt8(ascii: "0"), line.count == 12 || line.dropFirst(12).first == .space,
            line.dropFirst(12).allSatisfy(\.isFieldCharacter), lineEnd + 1 < input.endIndex,
            input[lineEnd + 1] == .lineFeed
        else { throw MalformedMessage(.startLine, .badGateway, "The first line is not a status line of HTTP/1.1.") }
        let code = digits.reduce(0) { $0 * 10 + Int($1 - UInt8(ascii: "0")) }
        let phrase = String(decoding: line.dropFirst(13), as: UTF8.self)
        return (HTTPResponse.Status(code: code, reasonPhrase: phrase), isHTTP10, lineEnd + 2)
    }

    private mutating func readBody() throws(MalformedMessage) {
        switch length {
        case .bytes(let count):
            let part = input.prefix(count - body.count)
            body += part
            input.removeFirst(part.count)
            if body.count == count { state = .complete }
        case .untilEnd:
            guard body.count + input.count <= longestBody else { throw tooLong() }
            body += input
            input = []
        case .chunked:
            try readChunks()
        }
    }

    private mutating func readChunks() throws(MalformedMessage) {
        var position = 0
        defer { input.removeFirst(position) }
        while true {
            switch try chunks.next(in: input, at: &position) {
            case .data(let range):
                guard body.count + range.count <= longestBody else { throw tooLong() }
                body += input[range]
            case .incomplete: return
            case .end:
                state = .complete
                return
            }
        }
    }

    private func tooLong() -> MalformedMessage {
        MalformedMessage(.size, .badGateway, "The response's body is longer than \(longestBody) bytes.")
    }
}
