import HTTP
import Testing

@Suite("Requests' heads")
struct RequestReaderTests {
    /// Reads a head that comes at once, and one that comes byte by byte: the two must agree.
    private func read(_ text: String, _ limits: HeadLimits = HeadLimits()) throws -> RequestHead {
        let bytes = text.unicodeScalars.map { UInt8(truncatingIfNeeded: $0.value) }
        func whole() throws -> RequestHead? {
            var reader = RequestReader(limits)
            return try reader.read(bytes)?.head
        }
        func pieces() throws -> RequestHead? {
            var reader = RequestReader(limits)
            for count in 1...bytes.count {
                if let (head, end) = try reader.read(Array(bytes.prefix(count))) {
                    #expect(end == count)
                    return head
                }
            }
            return nil
        }
        let (one, other) = (Result { try whole() }, Result { try pieces() })
        switch (one, other) {
        case (.success(let one), .success(let other)): #expect(one?.request == other?.request)
        case (.failure(let one as MalformedMessage), .failure(let other as MalformedMessage)): #expect(one == other)
        default: Issue.record("\(one) is not \(other)")
        }
        return try #require(try one.get())
    }

    private func refusal(_ text: String, _ limits: HeadLimits = HeadLimits()) -> MalformedMessage? {
        #expect(throws: MalformedMessage.self) { try read(text, limits) }
    }

    @Test("A head is its method, target, host and fields; white space around values is none of theirs")
    func head() throws {
        let head = try read("PUT /a%2Fb?x=1 HTTP/1.1\r\nhOST: kbs.example:80\r\nX-A: \t b c \t\r\nX-A:\r\n\r\nbody")
        #expect(head.request.method == .put && head.request.path == "/a%2Fb?x=1")
        #expect(head.request.authority == "kbs.example:80" && head.request.scheme == nil)
        #expect(head.request.headerFields.map(\.value) == ["kbs.example:80", "b c", ""])
        #expect(head.bodyLength == .bytes(0) && !head.closes && !head.hasBody && !head.asksToKeepAlive)
    }

    @Test("A body has the length that Content-Length says, or comes in chunks, and there is none without either")
    func lengths() throws {
        #expect(try read("POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 007\r\n\r\n").bodyLength == .bytes(7))
        #expect(
            try read("POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 999999999999999999\r\n\r\n").bodyLength
                == .bytes(999_999_999_999_999_999))
        #expect(try read("POST / HTTP/1.1\r\nHost: x\r\nTransfer-encoding: Chunked\r\n\r\n").bodyLength == .chunked)
        for wrong in ["", "+7", "-7", "7,7", "7 7", "0x7", "7\u{B}", "７"] {
            #expect(refusal("POST / HTTP/1.1\r\nHost: x\r\nContent-Length: \(wrong)\r\n\r\n")?.status == .badRequest)
        }
        #expect(refusal("POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 1000000000000000000\r\n\r\n")?.status == 413)
        #expect(refusal("POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 7\r\nContent-Length: 7\r\n\r\n")?.status == 400)
    }

    @Test("Chunks with a length beside them, another coding, a second one or HTTP/1.0 are refused")
    func codings() {
        let length = "Content-Length: 5\r\n"
        for (fields, status) in [
            (length + "Transfer-Encoding: chunked\r\n", 400), ("Transfer-Encoding: chunked\r\n" + length, 400),
            ("Transfer-Encoding: gzip, chunked\r\n", 501), ("Transfer-Encoding: chunked, chunked\r\n", 501),
            ("Transfer-Encoding: xchunked\r\n", 501), ("Transfer-Encoding: \r\n", 501),
            ("Transfer-Encoding: identity\r\n", 501), ("Transfer-Encoding: \"chunked\"\r\n", 501),
            ("Transfer-Encoding: chunked;q=1\r\n", 501),
            ("Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n", 400),
        ] {
            #expect(refusal("POST / HTTP/1.1\r\nHost: x\r\n\(fields)\r\n")?.status.code == status, "\(fields)")
        }
        #expect(refusal("POST / HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n")?.part == .coding)
    }

    @Test("The connection ends after the response when the client says so, and with HTTP/1.0")
    func connection() throws {
        #expect(try read("GET / HTTP/1.1\r\nHost: x\r\nConnection: te, CLOSE\r\n\r\n").closes)
        #expect(try read("GET / HTTP/1.1\r\nHost: x\r\nConnection: te\r\nConnection: close\r\n\r\n").closes)
        #expect(try !read("GET / HTTP/1.1\r\nHost: x\r\nConnection: closed\r\n\r\n").closes)
        let kept = try read("GET / HTTP/1.1\r\nHost: x\r\nConnection: Keep-Alive\r\n\r\n")
        #expect(!kept.closes && kept.asksToKeepAlive)
        let old = try read("GET / HTTP/1.0\r\nConnection: keep-alive\r\n\r\n")
        #expect(old.closes && old.request.authority == nil)
    }

    @Test("100-continue is waited for only where there is a body; another expectation is answered with 417")
    func expectations() throws {
        func head(_ fields: String, version: String = "1.1") -> String {
            "POST / HTTP/\(version)\r\nHost: x\r\n\(fields)\r\n\r\n"
        }
        #expect(try read(head("Content-Length: 7\r\nExpect: 100-Continue")).expectsContinue)
        #expect(try read(head("Transfer-Encoding: chunked\r\nExpect: 100-continue")).expectsContinue)
        #expect(try !read(head("Expect: 100-continue")).expectsContinue)
        #expect(try !read(head("Content-Length: 7\r\nExpect: 100-continue", version: "1.0")).expectsContinue)
        #expect(refusal(head("Content-Length: 7\r\nExpect: 200-maybe"))?.status == .expectationFailed)
        #expect(refusal(head("Expect: 100-continue, 200-maybe"))?.status == .expectationFailed)
    }

    @Test("A target is a path, a URL of the same host, or * for OPTIONS")
    func targets() throws {
        let url = try read("GET http://KBS.example/livez?a HTTP/1.1\r\nHost: kbs.example\r\n\r\n").request
        #expect(url.path == "/livez?a" && url.authority == "KBS.example" && url.scheme == "http")
        #expect(try read("GET https://x HTTP/1.1\r\nHost: x\r\n\r\n").request.path == "/")
        #expect(try read("GET http://x?a=1 HTTP/1.1\r\nHost: x\r\n\r\n").request.path == "/?a=1")
        #expect(try read("OPTIONS * HTTP/1.1\r\nHost: x\r\n\r\n").request.path == "*")
        #expect(try read("GET // HTTP/1.1\r\nHost: x\r\n\r\n").request.path == "//")
        for (target, part) in [
            ("http://other/livez", MalformedMessage.Part.host), ("http://x@y/", .target), ("http:///livez", .target),
            ("ftp://x/", .target), ("livez", .target), ("*", .target), ("x:80", .target), ("/a#b", .target),
            ("/\u{E9}", .target), ("/a\u{7F}", .target), ("/a\u{0}b", .target), ("/a b", .startLine),
            ("/a\tb", .target),
        ] {
            #expect(refusal("GET \(target) HTTP/1.1\r\nHost: x\r\n\r\n")?.part == part, "\(target)")
        }
    }

    @Test("A first line that is not one of HTTP/1.1 is refused, and another version or method by its own status")
    func startLines() {
        for (line, status) in [
            ("GET  /livez HTTP/1.1", 400), ("GET /livez  HTTP/1.1", 400), (" GET /livez HTTP/1.1", 400),
            ("GET /livez HTTP/1.1 ", 400), ("GET /livez", 400), ("GET", 400), ("GET /livez http/1.1", 400),
            ("GET /livez HTTP/1.1x", 400), ("GET /livez HTTP/11", 400), ("GET /livez HTTP/1.", 400),
            ("GET /livez HTTP/2.0", 505), ("GET /livez HTTP/1.2", 505), ("PRI * HTTP/2.0", 505),
            ("BREW /livez HTTP/1.1", 501), ("get /livez HTTP/1.1", 501), ("CONNECT x:80 HTTP/1.1", 501),
            ("G\u{E9}T /livez HTTP/1.1", 400), ("\u{16}\u{3}\u{1}", 400), ("GET\t/livez HTTP/1.1", 400),
        ] {
            #expect(refusal("\(line)\r\nHost: x\r\n\r\n")?.status.code == status, "\(line)")
        }
    }

    @Test("One empty line before a request is passed over, a second is not")
    func emptyLine() throws {
        #expect(try read("\r\nGET / HTTP/1.1\r\nHost: x\r\n\r\n").request.path == "/")
        #expect(refusal("\r\n\r\nGET / HTTP/1.1\r\nHost: x\r\n\r\n")?.part == .startLine)
        #expect(refusal("\nGET / HTTP/1.1\r\nHost: x\r\n\r\n")?.part == .startLine)
    }

    @Test(
        "A field that is written another way is refused",
        arguments: [
            "X-A : 1", ": 1", "X-A", "X-A\u{0}: 1", "X A: 1", "X-\u{E9}: 1", "X-A: 1\r\n 2", "X-A: 1\r\n\t2",
            "X-A: 1\r2",
            "X-A: \u{0}", "X-A: \u{1B}[", "X-A: \u{7F}", "X-A: 1\nX-B: 2", "\tX-A: 1",
        ])
    func fields(field: String) {
        #expect(refusal("GET / HTTP/1.1\r\nHost: x\r\n\(field)\r\n\r\n")?.status == .badRequest)
        #expect(refusal("GET / HTTP/1.1\r\n\(field)\r\nHost: x\r\n\r\n")?.status == .badRequest)
    }

    @Test("A value may hold bytes that are no ASCII")
    func otherBytes() throws {
        let head = try read("GET / HTTP/1.1\r\nHost: x\r\nX-A: \u{C3}\u{A9}\u{FF}\r\n\r\n")
        #expect(head.request.headerFields.last?.value == "é\u{FFFD}")
    }

    @Test("There is one Host, and it is a name or address; HTTP/1.0 may do without")
    func hosts() throws {
        #expect(refusal("GET / HTTP/1.1\r\n\r\n")?.part == .host)
        #expect(refusal("GET / HTTP/1.1\r\nHost: x\r\nHost: x\r\n\r\n")?.part == .host)
        for wrong in ["x/y", "u@x", "x y", "x?", "x#", "x\\y", "x, y"] {
            #expect(refusal("GET / HTTP/1.1\r\nHost: \(wrong)\r\n\r\n")?.part == .host, "\(wrong)")
        }
        for host in ["", "[::1]:8080", "a_b.example", "%61"] {
            #expect(try read("GET / HTTP/1.1\r\nHost: \(host)\r\n\r\n").request.authority == host)
        }
        #expect(try read("GET / HTTP/1.0\r\n\r\n").request.authority == nil)
        #expect(refusal("GET / HTTP/1.0\r\nHost: x\r\nHost: x\r\n\r\n")?.part == .host)
    }

    @Test("A head that is longer than it may be is refused, and the sentence names the limit")
    func limits() throws {
        var limits = HeadLimits()
        (limits.target, limits.field, limits.head, limits.fields) = (40, 30, 100, 3)
        func head(_ target: String = "/", _ fields: String...) -> String {
            "GET \(target) HTTP/1.1\r\nHost: x\r\n" + fields.map { $0 + "\r\n" }.joined() + "\r\n"
        }
        let a = { String(repeating: "a", count: $0) }
        #expect(try read(head("/" + a(26)), limits).request.path.utf8.count == 27)
        let target = refusal(head("/" + a(27)), limits)
        #expect(target?.status == .uriTooLong && target?.reason.contains("40 bytes") == true)
        #expect(try read(head("/", "X-A: " + a(25)), limits).request.headerFields.count == 2)
        let field = refusal(head("/", "X-A: " + a(26)), limits)
        #expect(field?.status == 431 && field?.reason.contains("30 bytes") == true && field?.part == .size)
        #expect(try read(head("/", "a: 1", "b: 2"), limits).request.headerFields.count == 3)
        let count = refusal(head("/", "a: 1", "b: 2", "c: 3"), limits)
        #expect(count?.status == 431 && count?.reason.contains("more than 3") == true)
        let whole = refusal(head("/" + a(20), "X-A: " + a(25), "X-B: " + a(25)), limits)
        #expect(whole?.status == 431 && whole?.reason.contains("100 bytes") == true)
    }

    @Test("Of two limits the one is named that is passed first, however the head comes")
    func twoLimits() throws {
        var limits = HeadLimits()
        (limits.target, limits.field, limits.head, limits.fields) = (40, 30, 100, 3)
        let a = { String(repeating: "a", count: $0) }
        // The third field begins at 77, and is too long at 109.
        let beginning = "GET /\(a(20)) HTTP/1.1\r\nHost: x\r\nX-A: \(a(25))\r\n"
        for text in ["\(beginning)X-B: \(a(60))\r\n\r\n", "\(beginning)X-B: \(a(60))"] {
            #expect(refusal(text, limits)?.reason.contains("100 bytes") == true)
        }
        let manyAndLong = refusal("GET / HTTP/1.1\r\na:\r\nb:\r\nc:\r\nd: \(a(30))\r\n\r\n", limits)
        #expect(manyAndLong?.reason.contains("30 bytes") == true)
    }

    @Test("A head without an end is refused as soon as it is too long")
    func endless() throws {
        for beginning in ["", "GET / HTTP/1.1\r\nX-A: "] {
            var reader = RequestReader()
            var bytes = Array(beginning.utf8)
            let error = #expect(throws: MalformedMessage.self) {
                for _ in 0..<100 {
                    bytes += [UInt8](repeating: 0x61, count: 1_024)
                    _ = try reader.read(bytes)
                }
            }
            #expect(bytes.count <= 17 * 1_024 + 100 && error?.part == .size)
        }
    }
}
