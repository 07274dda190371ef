import HTTP

/// One request and its response, on one connection.
final class Exchange: @unchecked Sendable {
    /// What becomes of the request's body. It is touched on the connection's loop only.
    enum BodyState {
        /// Nobody has asked for it.
        case untouched
        case collecting(Collecting)
        /// It was read to its end.
        case complete
        /// The rest of it is thrown away, of which so many bytes are allowed.
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

    enum ResponseState { case awaited, streaming, complete }

    let head: RequestHead
    var body: BodyState
    /// Of a body with a length: what has not been read.
    var left: Int
    var chunks = ChunkedReader()
    /// Taken from the budget for its body.
    var budget = 0
    /// When the body was asked for, or began to be thrown away, and how many bytes have come since.
    var bodyStart: UInt64 = 0
    var received = 0
    var hasContinued = false
    /// Whether the connection ends after it.
    var closes: Bool
    var response = ResponseState.awaited
    /// Whether the response's body goes in chunks.
    var isChunked = false
    /// Of a streamed body with a length: what is still to be written.
    var unwritten: Int?
    var writer: UnsafeContinuation<Bool, Never>?
    var task: Task<Void, Never>?

    init(_ head: RequestHead) {
        self.head = head
        closes = head.closes
        body = head.hasBody ? .untouched : .complete
        left = if case .bytes(let count) = head.bodyLength { count } else { 0 }
    }
}
