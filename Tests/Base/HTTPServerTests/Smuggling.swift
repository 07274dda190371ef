/// Requests that try to hide another one from a balancer, or from the server behind it.
struct Smuggling: Sendable, CustomStringConvertible {
    let name: String
    let bytes: [UInt8]
    /// Whether it has two readings, so that the server itself must refuse it and hang up.
    let isAmbiguous: Bool

    var description: String { name }

    private init(_ name: String, _ text: String, isAmbiguous: Bool = true) {
        (self.name, self.isAmbiguous) = (name, isAmbiguous)
        // One character is one byte.
        bytes = text.unicodeScalars.map { UInt8(truncatingIfNeeded: $0.value) }
    }

    /// What nobody may ever see as a request of its own.
    static let hidden = "GET /hidden HTTP/1.1\r\nHost: x\r\n\r\n"
    /// The same as a chunk.
    private static let hiddenChunk = "\(String(hidden.utf8.count, radix: 16))\r\n\(hidden)\r\n"

    private static func post(_ fields: String, _ body: String) -> String {
        "POST /attack HTTP/1.1\r\nHost: x\r\n\(fields)\r\n\(body)"
    }

    static let all: [Smuggling] = lengths + codings + chunks + lines + requestLines + upgrades + unread

    // MARK: Where the body ends

    private static let lengths: [Smuggling] = {
        let length = "Content-Length: \(5 + hidden.utf8.count)\r\n"
        let both: [(String, String, String)] = [
            ("CL.TE", length + "Transfer-Encoding: chunked\r\n", "0\r\n\r\n\(hidden)"),
            ("TE.CL", "Transfer-Encoding: chunked\r\nContent-Length: 4\r\n", "\(hiddenChunk)0\r\n\r\n"),
            ("CL twice, 0 first", "Content-Length: 0\r\nContent-Length: \(hidden.utf8.count)\r\n", hidden),
            ("CL twice, 0 last", "Content-Length: \(hidden.utf8.count)\r\nContent-Length: 0\r\n", hidden),
        ]
        let values = [
            "0, \(hidden.utf8.count)", "\(hidden.utf8.count), 0", "+0", "-0", "0x0", "0 0", "0;", "\u{B}0", "0\u{0}",
            "", "0.0", "1e0", "\u{B2}", "18446744073709551616", "99999999999999999999", "0\r\n \(hidden.utf8.count)",
        ]
        return both.map { Smuggling($0, post($1, $2)) }
            + values.map { Smuggling("CL \($0.debugDescription)", post("Content-Length: \($0)\r\n", hidden)) }
    }()

    private static let codings: [Smuggling] = [
        "Transfer-Encoding: xchunked", "Transfer-Encoding : chunked",
        "Transfer-Encoding: chunked\r\nTransfer-Encoding: x",
        "Transfer-Encoding: x\r\nTransfer-Encoding: chunked", "Transfer-Encoding:\u{B}chunked",
        "Transfer-Encoding:\tchunked", "Transfer-Encoding:  chunked ", "Transfer-Encoding:\r\n chunked",
        "Transfer-Encoding\r\n : chunked", "X: x\nTransfer-Encoding: chunked", "X: x\rTransfer-Encoding: chunked",
        "X: x\r\n\r Transfer-Encoding: chunked", "Transfer-Encoding: chunked, identity", "Transfer-Encoding: identity",
        "Transfer-Encoding: identity, chunked", "Transfer-Encoding: chunked, chunked", "Transfer-Encoding: \"chunked\"",
        "Transfer-Encoding: 'chunked'", "Transfer-Encoding: chunked;q=1", "Transfer-Encoding: chunked\u{0}",
        "Transfer-Encoding: chunKed", "Transfer-Encoding: ,chunked", "Transfer-Encoding: chunked,",
        "Transfer-Encoding: chunked\u{A0}", "Transfer-Encoding\u{0}: chunked", "Transfer-\u{C9}ncoding: chunked\r\n :x",
        "\u{0}Transfer-Encoding: chunked", ": x\r\nTransfer-Encoding: chunked", "Transfer-Encoding",
        "Transfer-Encoding: gzip, chunked", "Transfer-Encoding: trailers\r\nTE: chunked",
    ].map { field in
        Smuggling(
            "CL and \(field.debugDescription)",
            post("Content-Length: \(5 + hidden.utf8.count)\r\n\(field)\r\n", "0\r\n\r\n\(hidden)"))
    }

    private static let chunks: [Smuggling] = {
        let bodies = [
            "0;\n\r\n\(hidden)0\r\n\r\n", "2;\nxx\r\n0\r\n\r\n\(hidden)", "2\nxx\r\n0\r\n\r\n\(hidden)",
            "2\r\nxx\n0\r\n\r\n\(hidden)", "2\r\nxxx0\r\n\r\n\(hidden)", "2\r\nxxXX0\r\n\r\n\(hidden)",
            "0x2\r\nxx\r\n0\r\n\r\n\(hidden)", "+2\r\nxx\r\n0\r\n\r\n\(hidden)", "-2\r\nxx\r\n0\r\n\r\n\(hidden)",
            " 2\r\nxx\r\n0\r\n\r\n\(hidden)", "2 \r\nxx\r\n0\r\n\r\n\(hidden)", "2\t\r\nxx\r\n0\r\n\r\n\(hidden)",
            "\r\nxx\r\n0\r\n\r\n\(hidden)", "g\r\n\(hidden)", "10000000000000002\r\nxx\r\n0\r\n\r\n\(hidden)",
            "ffffffffffffffff\r\nxx\r\n0\r\n\r\n\(hidden)", "2,2\r\nxx\r\n0\r\n\r\n\(hidden)",
            "2\r\r\nxx\r\n0\r\n\r\n\(hidden)", "2\u{0}\r\nxx\r\n0\r\n\r\n\(hidden)",
            "2;a=\"\r\nxx\n\r\n0\r\n\r\n\(hidden)",
            "0\r\n\(hidden)", "0\r\nX: x\n\r\n\(hidden)", "0\r\n X: x\r\n\r\n\(hidden)", "0\r\nX : x\r\n\r\n\(hidden)",
            "0\n\n\(hidden)", "0\r\n\n\(hidden)",
        ]
        return bodies.map { Smuggling("chunks \($0.debugDescription)", post("Transfer-Encoding: chunked\r\n", $0)) } + [
            Smuggling(
                "an extension and a trailer",
                post(
                    "Transfer-Encoding: chunked\r\nTrailer: Content-Length\r\n",
                    "2;a=b\r\nxx\r\n0;c\r\nContent-Length: \(hidden.utf8.count)\r\nTransfer-Encoding: chunked\r\n\r\n"),
                isAmbiguous: false),
            Smuggling(
                "ten thousand chunks of a byte",
                post(
                    "Transfer-Encoding: chunked\r\n",
                    String(repeating: "1\r\nx\r\n", count: 10_000) + "0\r\n\r\n"), isAmbiguous: false),
            Smuggling(
                "one chunk of a mebibyte",
                post(
                    "Transfer-Encoding: chunked\r\n",
                    "100000\r\n" + String(repeating: "x", count: 1 << 20) + "\r\n0\r\n\r\n"), isAmbiguous: false),
        ]
    }()

    // MARK: Where lines end

    private static let lines: [Smuggling] = [
        ("LF everywhere", "GET /attack HTTP/1.1\nHost: x\n\n\(hidden)"),
        ("LF ends the head", "POST /attack HTTP/1.1\r\nHost: x\r\nContent-Length: \(hidden.utf8.count)\r\n\n\(hidden)"),
        ("LF between fields", "GET /attack HTTP/1.1\r\nHost: x\nX: x\r\n\r\n\(hidden)"),
        ("CR between fields", "GET /attack HTTP/1.1\r\nHost: x\rX: x\r\n\r\n\(hidden)"),
        ("CR ends the head", "GET /attack HTTP/1.1\r\nHost: x\r\n\rX: x\r\n\r\n\(hidden)"),
        ("CR CR LF", "GET /attack HTTP/1.1\r\nHost: x\r\r\n\r\n\(hidden)"),
        ("a folded field", "GET /attack HTTP/1.1\r\nHost: x\r\nX: x\r\n \(hidden)"),
        ("a folded first field", "GET /attack HTTP/1.1\r\n Host: x\r\nHost: x\r\n\r\n\(hidden)"),
        ("a space before the colon", "GET /attack HTTP/1.1\r\nHost : x\r\n\r\n\(hidden)"),
        ("a tab before the colon", "GET /attack HTTP/1.1\r\nHost\t: x\r\n\r\n\(hidden)"),
        ("no colon", "GET /attack HTTP/1.1\r\nHost: x\r\nX\r\n\r\n\(hidden)"),
        ("a field without a name", "GET /attack HTTP/1.1\r\nHost: x\r\n: x\r\n\r\n\(hidden)"),
        ("NUL in a value", "GET /attack HTTP/1.1\r\nHost: x\r\nX: \u{0}\r\n\r\n\(hidden)"),
        ("NUL in a name", "GET /attack HTTP/1.1\r\nHost: x\r\nX\u{0}: x\r\n\r\n\(hidden)"),
        ("two hosts", "GET /attack HTTP/1.1\r\nHost: x\r\nHost: y\r\n\r\n\(hidden)"),
        ("no host", "GET /attack HTTP/1.1\r\n\r\n\(hidden)"),
        ("a host with a path", "GET /attack HTTP/1.1\r\nHost: x/y\r\n\r\n\(hidden)"),
        ("two empty lines first", "\r\n\r\nGET /attack HTTP/1.1\r\nHost: x\r\n\r\n\(hidden)"),
    ].map { Smuggling($0, $1) }

    private static let requestLines: [Smuggling] =
        [
            "GET /attack HTTP/1.1 HTTP/1.1", "GET  /attack HTTP/1.1", "GET /attack  HTTP/1.1", "GET\t/attack HTTP/1.1",
            "GET /attack\tHTTP/1.1", "GET /attack HTTP/1.1 ", " GET /attack HTTP/1.1", "GET /attack HTTP/1.2",
            "GET /attack HTTP/2.0", "GET /attack HTTP/01.1", "GET /attack http/1.1", "GET /attack",
            "GET /att\u{0}ack HTTP/1.1",
            "GET /att\u{B}ack HTTP/1.1", "GET /att\u{E9}ack HTTP/1.1", "GET /attack#x HTTP/1.1", "GET attack HTTP/1.1",
            "GET http://other/attack HTTP/1.1", "GET http:///attack HTTP/1.1", "GET x:y HTTP/1.1", "GET * HTTP/1.1",
            "CONNECT x:80 HTTP/1.1", "GET\u{0} /attack HTTP/1.1", "get /attack HTTP/1.1", "PRI * HTTP/2.0",
        ].map { Smuggling("line \($0.debugDescription)", "\($0)\r\nHost: x\r\n\r\n\(hidden)") } + [
            Smuggling(
                "chunks in HTTP/1.0",
                "POST /attack HTTP/1.0\r\nHost: x\r\nTransfer-Encoding: chunked\r\nConnection: keep-alive\r\n\r\n"
                    + "0\r\n\r\n\(hidden)")
        ]

    // MARK: Another protocol

    private static let upgrades: [Smuggling] = [
        ("h2c", "Connection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\nHTTP2-Settings: AAMAAABkAARAAAAAAAIAAAAA\r\n"),
        ("h2c, the settings not named", "Connection: Upgrade\r\nUpgrade: h2c\r\nHTTP2-Settings: AAMAAABk\r\n"),
        ("WebSocket", "Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 777\r\n"),
        ("the mark named in Connection", "Connection: close, X-Seen\r\n"),
        ("the length named in Connection", "Connection: Content-Length, Transfer-Encoding\r\nContent-Length: 0\r\n"),
    ].map { Smuggling($0, "GET /attack HTTP/1.1\r\nHost: x\r\n\($1)\r\n", isAmbiguous: false) }

    // MARK: Bodies that the server does not ask for

    private static let unread: [Smuggling] = [
        ("CL.0", post("Content-Length: \(hidden.utf8.count)\r\n", hidden)),
        ("CL.0 of GET", "GET /attack HTTP/1.1\r\nHost: x\r\nContent-Length: \(hidden.utf8.count)\r\n\r\n\(hidden)"),
        ("CL.0 of HEAD", "HEAD /attack HTTP/1.1\r\nHost: x\r\nContent-Length: \(hidden.utf8.count)\r\n\r\n\(hidden)"),
        ("CL.0 of OPTIONS *", "OPTIONS * HTTP/1.1\r\nHost: x\r\nContent-Length: \(hidden.utf8.count)\r\n\r\n\(hidden)"),
        ("chunks nobody asks for", post("Transfer-Encoding: chunked\r\n", "\(hiddenChunk)0\r\n\r\n")),
        ("100 is awaited", post("Expect: 100-continue\r\nContent-Length: \(hidden.utf8.count)\r\n", hidden)),
        ("transfer_encoding", post("transfer_encoding: chunked\r\nContent-Length: \(hidden.utf8.count)\r\n", hidden)),
        (
            "more than is thrown away",
            post(
                "Content-Length: 400000\r\n",
                String(String(repeating: hidden, count: 1 + 400_000 / hidden.utf8.count).prefix(400_000)))
        ),
    ].map { name, text in
        Smuggling(name, text.replacing("/attack", with: "/unread"), isAmbiguous: false)
    }
}
