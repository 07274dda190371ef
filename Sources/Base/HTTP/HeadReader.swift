/// Finds the end of a message's head incrementally, and enforces its limits.
///
/// Lines must end in CR LF: proxies and servers disagree on other line ends (RFC 9112, section 2.2).
struct HeadReader: Sendable {
    private let limits: HeadLimits
    /// The first unread byte.
    private var position = 0
    private var lineStart = 0
    /// Complete lines; the first is the start line.
    private var lines = 0
    /// The start line's index, after an optional empty line.
    private(set) var start = 0

    init(_ limits: HeadLimits) { self.limits = limits }

    /// - Parameter bytes: all received bytes of the message, more with each call.
    /// - Returns: the index of the body; nil while the head is incomplete.
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
        // The last byte may be the CR of the line's end.
        try check(lineLength: position - lineStart - 1, isWhole: false)
        return nil
    }

    static let unreadable = MalformedMessage(.startLine, "The first line is not a request line of HTTP/1.1.")

    /// - Returns: whether the head ends with this line.
    private mutating func lineEnded(_ span: Span<UInt8>) throws(MalformedMessage) -> Bool {
        let length = position - 1 - lineStart
        try check(lineLength: length, isWhole: length > 0)
        guard length >= 0, span[position - 1] == .carriageReturn else {
            throw MalformedMessage(lines == 0 ? .startLine : .field, "A line of the header does not end in CR LF.")
        }
        if length == 0 {
            guard lines == 0 else { return true }
            guard start == 0 else { throw Self.unreadable }
            // Some old clients send an empty line after a body (RFC 9112, section 2.2).
            start = position + 1
        } else {
            lines += 1
        }
        lineStart = position + 1
        return false
    }

    private func check(lineLength length: Int, isWhole: Bool) throws(MalformedMessage) {
        let longest = lines == 0 ? limits.target : limits.field
        // Names the limit that was exceeded first, independent of the pieces received.
        guard position - start <= limits.head || lineStart + longest < start + limits.head else {
            throw limits.headTooLong()
        }
        guard length <= longest else {
            throw lines == 0 ? limits.startLineTooLong() : limits.fieldTooLong()
        }
        // `lines` includes the start line.
        guard !isWhole || lines <= limits.fields else { throw limits.tooManyFields() }
    }
}
