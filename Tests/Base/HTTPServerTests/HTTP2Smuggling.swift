/// Requests of HTTP/2 that would be two when they are written as HTTP/1.1. Source: RFC 9113, section 10.3.
struct HTTP2Smuggling: Sendable {
    /// All that the client says, from the preface on.
    let bytes: [UInt8]

    /// How many of them are no attack, and ask for `/plain`.
    static let plain = 2

    static let all: [HTTP2Smuggling] = [
        .init([("x", "y")], path: "/plain"),
        // Without a length, and with trailers: it must become chunks.
        .init([], method: "POST", path: "/plain", data: "body", trailers: [("x", "y")]),
        // A transfer coding, or a length that is not that of the data.
        .init([("transfer-encoding", "chunked")], method: "POST", data: "0\r\n\r\n" + hidden),
        .init([("content-length", "0")], method: "POST", data: hidden),
        .init([("content-length", "1000")], method: "POST", data: hidden),
        .init([("content-length", "0"), ("content-length", "\(hidden.utf8.count)")], method: "POST", data: hidden),
        .init([("content-length", "0")], data: hidden),
        .init([("expect", "100-continue"), ("content-length", "\(hidden.utf8.count)")], path: "/unread", data: hidden),
        .init([("connection", "transfer-encoding"), ("upgrade", "h2c")]),
        // Line ends in values and names.
        .init([("x", "y\r\nTransfer-Encoding: chunked")], method: "POST", data: "0\r\n\r\n" + hidden),
        .init([("x", "y\r\n\r\n\(hidden)")]), .init([("x", "y\n\n\(hidden)")]), .init([("x", "y\r\(hidden)")]),
        .init([("x", "y\u{0}")]), .init([("x: y\r\ntransfer-encoding", "chunked")], method: "POST"),
        .init([("x\r\n\r\n\(hidden)y", "z")]), .init([("x y", "z")]), .init([("x:", "z")]), .init([("", "z")]),
        .init([("Transfer-Encoding", "chunked")], method: "POST", data: "0\r\n\r\n" + hidden),
        .init([], method: "POST", data: "x", trailers: [("x", "y\r\n\r\n\(hidden)"), ("content-length", "3")]),
        // In what becomes the request line, or Host.
        .init([], path: "/attack HTTP/1.1\r\nHost: x\r\n\r\n\(hidden)"), .init([], path: "/attack x"),
        .init([], path: ""), .init([], path: "attack"), .init([], path: "/attack\n"), .init([], path: "*"),
        .init([], method: "\(hidden)GET"), .init([], method: "GET /hidden HTTP/1.1\nX:"), .init([], method: ""),
        .init([], authority: "x\r\n\r\n\(hidden)"), .init([("host", "y")], authority: "x"),
        .init([("host", "y"), ("host", "z")]), .init([(":path", "/hidden")]), .init([(":scheme", "x\r\ny: z")]),
        .init([], method: "CONNECT", authority: "x:80", data: hidden),
    ]

    private static let hidden = Smuggling.hidden

    private init(
        _ fields: [(String, String)], method: String = "GET", path: String = "/attack", authority: String = "x",
        data: String? = nil, trailers: [(String, String)] = []
    ) {
        let head = [(":method", method), (":scheme", "http"), (":path", path), (":authority", authority)] + fields
        var bytes = Array("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n".utf8) + Self.frame(.settings, 0, [])
        let isLast: (Bool) -> UInt8 = { $0 ? Self.endStream : 0 }
        bytes += Self.frame(.headers, Self.endHeaders | isLast(data == nil), Self.block(head), stream: 1)
        if let data { bytes += Self.frame(.data, isLast(trailers.isEmpty), Array(data.utf8), stream: 1) }
        if !trailers.isEmpty {
            bytes += Self.frame(.headers, Self.endHeaders | Self.endStream, Self.block(trailers), stream: 1)
        }
        self.bytes = bytes
    }

    private enum FrameType: UInt8 { case data = 0, headers = 1, settings = 4 }
    private static let (endStream, endHeaders): (UInt8, UInt8) = (1, 4)

    private static func frame(_ type: FrameType, _ flags: UInt8, _ payload: [UInt8], stream: UInt8 = 0) -> [UInt8] {
        [0, UInt8(payload.count >> 8), UInt8(payload.count & 0xFF), type.rawValue, flags, 0, 0, 0, stream] + payload
    }

    /// Each as a literal that is not indexed. Source: RFC 7541, section 6.2.2.
    private static func block(_ fields: [(String, String)]) -> [UInt8] {
        fields.flatMap { [0] + string($0) + string($1) }
    }

    private static func string(_ text: String) -> [UInt8] {
        let bytes = Array(text.utf8)
        // From 127 on the rest follows, in seven bits for what is this short.
        return (bytes.count < 127 ? [UInt8(bytes.count)] : [127, UInt8(bytes.count - 127)]) + bytes
    }
}
