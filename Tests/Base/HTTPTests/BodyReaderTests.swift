import HTTP
import Testing

@Suite("Chunked bodies")
struct ChunkedReaderTests {
    /// Reads what comes at once and byte by byte: the two must agree.
    private func read(_ text: String) throws -> (body: String, rest: String)? {
        let bytes = Array(text.utf8)
        func read(_ ends: some Sequence<Int>) throws -> (String, String)? {
            var (reader, position, body): (ChunkedReader, Int, [UInt8]) = (ChunkedReader(), 0, [])
            for end in ends {
                let come = Array(bytes.prefix(end))
                pieces: while true {
                    switch try reader.next(in: come, at: &position) {
                    case .data(let range): body += come[range]
                    case .incomplete: break pieces
                    case .end(let end):
                        return (String(decoding: body, as: UTF8.self), String(decoding: bytes[end...], as: UTF8.self))
                    }
                }
            }
            return nil
        }
        let (one, other) = (Result { try read([bytes.count]) }, Result { try read(0...bytes.count) })
        switch (one, other) {
        case (.success(let one), .success(let other)): #expect(one?.0 == other?.0 && one?.1 == other?.1)
        case (.failure(let one as MalformedMessage), .failure(let other as MalformedMessage)): #expect(one == other)
        default: Issue.record("\(one) is not \(other)")
        }
        return try one.get()
    }

    @Test(
        "Chunks make a body, whatever their sizes, and what follows is not theirs",
        arguments: [
            ("0\r\n\r\n", "", ""), ("5\r\nhello\r\n0\r\n\r\nGET", "hello", "GET"),
            ("00003\r\nhel\r\n2\r\nlo\r\n000\r\n\r\n", "hello", ""), ("A\r\n0123456789\r\n0\r\n\r\n", "0123456789", ""),
            ("a;x=1;y=\"2\"\r\n0123456789\r\n0;z\r\n\r\n", "0123456789", ""),
            ("1\r\n\r\r\n1\r\n\n\r\n0\r\n\r\n", "\r\n", ""),
            ("0\r\nX-Trailer: 1\r\nY:\r\n\r\nrest", "", "rest"),
        ])
    func bodies(text: String, body: String, rest: String) throws {
        let result = try #require(try read(text))
        #expect(result.body == body && result.rest == rest)
    }

    @Test("A body that has not come whole is waited for")
    func incomplete() throws {
        for text in [
            "", "5", "5\r\n", "5\r\nhell", "5\r\nhello", "5\r\nhello\r\n", "0\r\n", "0\r\nX: 1\r\n", "0\r\n\r",
        ] {
            #expect(try read(text) == nil, "\(text)")
        }
    }

    @Test(
        "A chunk that is written another way is refused",
        arguments: [
            "Z\r\n", "-7\r\n", "+7\r\n", "0x7\r\n", " 7\r\n", "7 \r\n", "\r\n", ";x\r\n", "7\n", "7\r7", "7;a\n",
            "7;\u{0}\r\n", "3\r\nhello\r\n", "5\r\nhello\n", "5\r\nhello\rx", "10000000000000007\r\n",
            "FFFFFFFFFFFFFFFF\r\n", "00000000000000001\r\n", "0\r\n\n", "0\r\n: 1\r\n\r\n", "0\r\nX : 1\r\n\r\n",
            "0\r\nX: 1\n\r\n", "0\r\nX: 1\r\n Y\r\n\r\n", "0\r\nX\r\n\r\n", "0\r\nX: \u{0}\r\n\r\n",
        ])
    func nonsense(text: String) {
        let error = #expect(throws: MalformedMessage.self) { try read(text) }
        #expect(error?.status == .badRequest && error?.part == .chunk)
    }

    @Test("Extensions and trailers end somewhere")
    func extras() {
        let long = String(repeating: "a", count: 5_000)
        for text in ["1;\(long)", "0\r\nX: \(long)", String(repeating: "1;abc\r\nx\r\n", count: 2_000)] {
            #expect(throws: MalformedMessage.self) { try read(text) }
        }
    }
}

@Suite("Responses, as a client reads them")
struct ResponseReaderTests {
    private func read(
        _ text: String, to method: HTTPRequest.Method = .get, longest: Int = 100, ends: Bool = false
    ) throws -> ResponseReader {
        func read(in pieces: Int) throws -> ResponseReader {
            var reader = ResponseReader(to: method, longestBody: longest)
            var left = Array(text.utf8)[...]
            while !left.isEmpty {
                try reader.read(left.prefix(pieces))
                left = left.dropFirst(pieces)
            }
            if ends { try reader.end() }
            return reader
        }
        let one = Result { try read(in: 10_000) }
        let other = Result { try read(in: 1) }
        if case .success(let whole) = one {
            let pieces = try other.get()
            #expect(whole.response == pieces.response && whole.body == pieces.body && whole.rest == pieces.rest)
        }
        return try one.get()
    }

    @Test("A response has its status, fields and body, and leaves what follows")
    func whole() throws {
        let reader = try read("HTTP/1.1 404 Nothing here\r\nRetry-After: 5\r\nContent-Length: 4\r\n\r\nnonemore")
        #expect(reader.response?.status == .notFound && reader.response?.status.reasonPhrase == "Nothing here")
        #expect(reader.response?.headerFields[.retryAfter] == "5")
        #expect(reader.isComplete && reader.keepsAlive)
        #expect(reader.body == Array("none".utf8) && reader.rest == Array("more".utf8))
    }

    @Test("A body ends by its length, its chunks or the connection, and some responses have none")
    func bodies() throws {
        func body(_ head: String, _ body: String, to method: HTTPRequest.Method = .get) throws -> String {
            let reader = try read("HTTP/1.1 \(head)\r\n\r\n\(body)", to: method, ends: true)
            return String(decoding: reader.body, as: UTF8.self)
        }
        #expect(try body("200 OK\r\nTransfer-Encoding: chunked", "2\r\nab\r\n0\r\n\r\n") == "ab")
        #expect(try body("200 OK", "to the end") == "to the end")
        #expect(try body("200 OK\r\nContent-Length: 9", "", to: .head) == "")
        #expect(try body("204 No Content\r\nContent-Length: 9", "") == "")
        #expect(try body("304 Not Modified", "") == "")
        #expect(try body("200", "x") == "x" && body("200 ", "x") == "x")
        #expect(try !read("HTTP/1.1 200 OK\r\n\r\n", ends: true).keepsAlive)
        #expect(try !read("HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 0\r\n\r\n").keepsAlive)
        #expect(try !read("HTTP/1.0 200 OK\r\nContent-Length: 0\r\n\r\n").keepsAlive)
    }

    @Test("Interim responses are passed over, but not for ever")
    func interim() throws {
        let once = "HTTP/1.1 100 Continue\r\n\r\n"
        let last = "HTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\nx"
        #expect(try read(once + "HTTP/1.1 103 Early\r\nLink: x\r\n\r\n" + last).response?.status == .ok)
        #expect(throws: MalformedMessage.self) { try read(String(repeating: once, count: 9) + last) }
        #expect(throws: MalformedMessage.self) { try read("HTTP/1.1 101 Switching Protocols\r\n\r\n" + last) }
    }

    @Test(
        "What is no response is refused",
        arguments: [
            "SSH-2.0-OpenSSH\r\n", "HTTP/2.0 200 OK\r\n\r\n", "HTTP/1.1 20 OK\r\n\r\n", "HTTP/1.1 2000 OK\r\n\r\n",
            "HTTP/1.1 099 X\r\n\r\n", "HTTP/1.1  200 OK\r\n\r\n", "HTTP/1.1 200OK\r\n\r\n", "HTTP/1.1 200 OK\n\n",
            "HTTP/1.1 200 O\u{0}K\r\n\r\n", "HTTP/1.1 200 OK\r\nX : 1\r\n\r\n", "\u{15}\u{3}\u{1}\u{0}\u{2}\u{2}F",
            "HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: 1\r\n\r\n",
            "HTTP/1.1 200 OK\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n",
            "HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip\r\n\r\n",
        ])
    func nonsense(text: String) {
        #expect(throws: MalformedMessage.self) { try read(text, ends: true) }
    }

    @Test("A response that is cut short or longer than it may be is an error")
    func ends() throws {
        for cut in [
            "", "HTTP/1.1 200", "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nx",
            "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1\r\nx\r\n",
        ] {
            let error = #expect(throws: MalformedMessage.self) { try read(cut, ends: true) }
            #expect(error?.part == .end, "\(cut)")
        }
        let ten = "0123456789"
        for body in [
            "Content-Length: 10\r\n\r\n\(ten)", "Transfer-Encoding: chunked\r\n\r\na\r\n\(ten)\r\n0\r\n\r\n",
            "\r\n\(ten)",
        ] {
            #expect(try read("HTTP/1.1 200 OK\r\n\(body)", longest: 10, ends: true).body.count == 10)
            let error = #expect(throws: MalformedMessage.self) {
                try read("HTTP/1.1 200 OK\r\n\(body)", longest: 9, ends: true)
            }
            #expect(error?.part == .size)
        }
    }
}
