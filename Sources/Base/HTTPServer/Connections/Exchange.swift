import HTTP

/// One request and its response, on one connection. Confined to the connection's loop.
final class Exchange: @unchecked Sendable {
    /// The progress of reading the request's body.
    enum BodyState {
        /// The handler has not asked for it.
        case untouched
        case collecting(Collecting)
        /// It was read to its end.
        case complete
        /// The rest is discarded, at most `left` bytes.
        case draining(left: Int)
        /// It cannot be read any more, and the connection ends.
        case broken
    }

    final class Collecting {
        let longest: Int
        let continuation: UnsafeContinuation<Result<[UInt8], BodyFailure>, Never>
        var bytes: [UInt8] = []

        init(_ longest: Int, _ continuation: UnsafeContinuation<Result<[UInt8], BodyFailure>, Never>) {
            (self.longest, self.continuation) = (longest, continuation)
        }
    }

    let head: RequestHead
    var body: BodyState
    /// Unread bytes of a body with a length.
    var left: Int
    var chunks = ChunkedReader()
    /// Bytes taken from the budget of all bodies.
    var budget = 0
    /// Bytes taken from the budget of long bodies, as the sender's.
    var longBudget = 0
    var sender: IPAddress?
    /// The start of collecting or draining, and the bytes received since.
    var bodyStart: UInt64 = 0
    var received = 0
    var hasContinued = false
    /// Whether the connection ends after the response.
    var closes: Bool
    /// Whether the handler has responded.
    var hasResponse = false
    var task: Task<Void, Never>?

    init(_ head: RequestHead) {
        self.head = head
        closes = head.closes
        body = head.hasBody ? .untouched : .complete
        left = if case .bytes(let count) = head.bodyLength { count } else { 0 }
    }
}
