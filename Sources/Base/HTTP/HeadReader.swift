/// Looks for the end of a message's head in bytes that come piece by piece, and keeps it within its limits meanwhile.
///
/// Lines end in CR LF and in nothing else: what proxies and servers read differently is refused (RFC 9112, section 2.2).
struct HeadReader: Sendable {
    private let limits: HeadLimits
    /// Where to go on.
    private var position = 0
    private var lineStart = 0
    /// Lines that have ended; the first is the start line.
    private var lines = 0
    /// Where the start line begins: one empty line before it is passed over.
    private(set) var start = 0

    init(_ limits: HeadLimits) { self.limits = limits }

    /// - Parameter bytes: all that has come of the message. Each time it is called there may be more.
    /// - Returns: where the head ends and the body begins; nil when that has not come yet.
    mutating func end(in bytes: [UInt8]) throws(MalformedMessage) -> Int? {
        let span = bytes.span
        if position == 0, span.count > 0, !span[0].isTokenCharacter, span[0] != .carriageReturn {
            throw Self.unreadable
        }
        var next = position
        while next < span.count {
            if span[next] == .lineFeed {
                position = next
                if try lineEnded(span) { return next + 1 }
            }
            next += 1
        }
        position = next
        // What came last may be the CR of its end.
        try check(lineLength: position - lineStart - 1, isWhole: false)
        return nil
    }

    static let unreadable = MalformedMessage(.startLine, "The first line is not one of HTTP/1.1.")

    /// - Returns: whether that was the last one of the head.
    private mutating func lineEnded(_ span: Span<UInt8>) throws(MalformedMessage) -> Bool {
        let length = position - 1 - lineStart
        try check(lineLength: length, isWhole: length > 0)
        guard length >= 0, span[position - 1] == .carriageReturn else {
            throw MalformedMessage(lines == 0 ? .startLine : .field, "A line of the header does not end in CR LF.")
        }
        if length == 0 {
            guard lines == 0 else { return true }
            guard start == 0 else { throw Self.unreadable }
            // Some clients of old send one empty line too many after a body (RFC 9112, section 2.2).
            start = position + 1
        } else {
            lines += 1
        }
        lineStart = position + 1
        return false
    }

    private func check(lineLength length: Int, isWhole: Bool) throws(MalformedMessage) {
        let longest = lines == 0 ? limits.target : limits.field
        // Of two limits the one is named that was passed first, however the bytes came.
        guard position - start <= limits.head || lineStart + longest < start + limits.head else {
            throw limits.headTooLong()
        }
        guard length <= longest else {
            throw lines == 0 ? limits.startLineTooLong() : limits.fieldTooLong()
        }
        // The start line is none.
        guard !isWhole || lines <= limits.fields else { throw limits.tooManyFields() }
    }
}
