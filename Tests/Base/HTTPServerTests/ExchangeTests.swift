import Concurrency
import EdgeSupport
import Foundation
import HTTP
import HTTPServer
import Testing

@Suite("Requests and responses on one connection")
struct ExchangeTests {
    @Test("Requests that come at once are answered one after another, in their order")
    func pipelined() async throws {
        let running = Lock((now: 0, most: 0))
        try await TestServer.run { request in
            running.withLock { $0 = ($0.now + 1, max($0.most, $0.now + 1)) }
            try? await Task.sleep(for: .milliseconds(5))
            running.withLock { $0.now -= 1 }
            return OutgoingResponse(status: .ok, text: "<\(request.head.path)>")
        } _: { server in
            let requests = (0..<50).map { "GET /\($0) HTTP/1.1\r\nHost: x\r\n\r\n" }.joined()
            let answers = try await server.exchange(requests)
            let order = answers.matches(of: #/<\/(\d+)>/#).compactMap { Int($0.1) }
            #expect(order == Array(0..<50))
            #expect(running.withLock { $0.most } == 1)
        }
    }

    @Test("However requests are cut into pieces, the same is seen and answered")
    func pieces() async throws {
        let text =
            post("/echo", "first") + "POST /echo HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n"
            + "3;x=1\r\nsec\r\n3\r\nond\r\n0\r\nT: 1\r\n\r\n" + post("/none", "GET / HTTP/1.1\r\n\r\n") + get
            + post("/echo", String(repeating: "third", count: 3_000)) + get
        try await TestServer.run(handler: greetOrEcho) { server in
            func statusesAndBodies(_ answer: String) -> [String] {
                answer.components(separatedBy: "HTTP/1.1 ").dropFirst().map { part in
                    "\(part.prefix(3)) \(part.components(separatedBy: "\r\n\r\n").last ?? "")"
                }
            }
            let whole = statusesAndBodies(try await server.exchange(text))
            #expect(
                whole.count == 6 && whole[0] == "200 first" && whole[1] == "200 second" && whole[2].hasPrefix("404 "))
            var random = SystemRandomNumberGenerator()
            for _ in 0..<20 {
                let answer = try await server.connect { socket in
                    var rest = Array(text.utf8)[...]
                    while !rest.isEmpty {
                        let most = Bool.random(using: &random) ? 10 : 3_000
                        let count = Int.random(in: 1...most, using: &random)
                        try await socket.send(Array(rest.prefix(count)))
                        rest = rest.dropFirst(count)
                    }
                    socket.finishSending()
                    return await socket.receiveRest()
                }
                #expect(statusesAndBodies(answer) == whole)
            }
        }
    }

    @Test("Bytes behind a request wait in the socket while it is answered, so that nobody fills memory with them")
    func backPressure() async throws {
        let (gate, open) = AsyncStream.makeStream(of: Void.self)
        try await TestServer.run { _ in
            for await _ in gate {}
            return OutgoingResponse(status: .ok, text: "hello")
        } _: { server in
            try await server.connect { socket in
                try await socket.send(get)
                let flood = Task {
                    var sent = 0
                    while sent < 1 << 26 {
                        try await socket.send([UInt8](repeating: 0x0D, count: 65_536))
                        sent += 65_536
                    }
                }
                try await Task.sleep(for: .milliseconds(500))
                open.finish()
                let answers = await socket.receiveRest()
                #expect(answers.hasPrefix("HTTP/1.1 200 ") && answers.contains("helloHTTP/1.1 414 "))
                let flooded = await flood.result
                #expect(throws: TestSocket.Failure.self) { try flooded.get() }
            }
        }
    }

    @Test("A client that has ended its side gets its answer; one that breaks off does not keep anything")
    func halfClosed() async throws {
        let ended = Lock(0)
        let (begun, begins) = AsyncStream.makeStream(of: Void.self)
        try await TestServer.run { request in
            let body = try? await request.body.collect(upTo: 100)
            begins.yield()
            try? await Task.sleep(for: .milliseconds(300))
            ended.withLock { $0 += 1 }
            return OutgoingResponse(status: .ok, body: body ?? [])
        } _: { server in
            #expect(try await server.exchange(post("/", "half")).hasSuffix("half"))
            for await _ in begun { break }
            try await server.connect { socket in
                try await socket.send(post("/", "reset"))
                for await _ in begun { break }
                socket.reset()
            }
            #expect(await server.eventually { $0.server.openConnections == 0 && $0.server.bodiesInMemory == 0 })
            #expect(ended.withLock { $0 } == 2, "what was begun is brought to an end")
        }
    }

    @Test("A body that ends too early is 400, and who sent it reads that")
    func cutBody() async throws {
        try await TestServer.run(handler: greetOrEcho) { server in
            for framing in ["Content-Length: 10\r\n\r\nabc", "Transfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n"] {
                let answer = try await server.exchange("POST /echo HTTP/1.1\r\nHost: x\r\n\(framing)")
                #expect(answer.hasPrefix("HTTP/1.1 400 ") && answer.contains("\r\nConnection: close\r\n"))
            }
        }
    }

    @Test("Events of a connection whose request is being answered cost no time")
    func noSpinning() async throws {
        let (gate, open) = AsyncStream.makeStream(of: Void.self)
        try await TestServer.run({ $0.threadName = "spin-test" }) { _ in
            for await _ in gate {}
            return OutgoingResponse(status: .ok, text: "hello")
        } _: { server in
            let sockets = try (0..<4).map { _ in try TestSocket(server.port) }
            for socket in sockets { try await socket.send(get) }
            #expect(await server.eventually { $0.server.openConnections == 4 })
            try await sockets[0].send(get)
            sockets[1].finishSending()
            sockets[2].reset()
            try await Task.sleep(for: .milliseconds(100))
            let before = try Self.nanoseconds(ofThreads: "spin-test")
            try await Task.sleep(for: .seconds(1))
            #expect(before > 0)
            // A loop that spins would have taken the second, or its share of it on a machine that is busy.
            #expect(try Self.nanoseconds(ofThreads: "spin-test") - before < 20_000_000)
            open.finish()
            #expect(await sockets[1].receive(until: "hello").hasPrefix("HTTP/1.1 200 "))
        }
    }

    /// How long threads of that name have run.
    private static func nanoseconds(ofThreads name: String) throws -> Int {
        let folder = URL(filePath: "/proc/self/task")
        return try FileManager.default.contentsOfDirectory(atPath: folder.path).reduce(0) { sum, thread in
            func text(_ file: String) -> String {
                (try? String(contentsOf: folder.appending(path: "\(thread)/\(file)"), encoding: .utf8)) ?? ""
            }
            guard text("comm") == name + "\n" else { return sum }
            return sum + (text("schedstat").split(separator: " ").first.flatMap { Int($0) } ?? 0)
        }
    }

    // MARK: Responses

    @Test("A response has its length, its date and nothing of what the server decides itself")
    func fields() async throws {
        try await TestServer.run { _ in
            OutgoingResponse(
                status: .ok,
                headers: [.contentLength: "999", .connection: "close", .transferEncoding: "chunked", .eTag: "\"1\""],
                body: Array("hello".utf8))
        } _: { server in
            let answer = try await server.connect { socket in
                try await socket.send(get)
                return await socket.receive(until: "hello")
            }
            let lines = answer.components(separatedBy: "\r\n")
            #expect(lines[0] == "HTTP/1.1 200 OK" && lines[1] == "ETag: \"1\"" && lines[2] == "Content-Length: 5")
            let date = lines[3].dropFirst("Date: ".count)
            let seconds = try #require(HTTPDate.seconds(String(date)))
            #expect(abs(Double(seconds) - Date().timeIntervalSince1970) < 60)
            #expect(Array(lines[4...]) == ["", "hello"])
        }
    }

    @Test("The answer to HEAD has its length and no body; 204 and 304 have neither")
    func withoutBody() async throws {
        try await TestServer.run { request in
            switch request.head.path {
            case "/204": OutgoingResponse(status: .noContent, text: "x")
            case "/304": OutgoingResponse(status: 304, text: "x")
            default: OutgoingResponse(status: .ok, text: "hello")
            }
        } _: { server in
            for (request, length) in [
                ("HEAD /", "Content-Length: 5\r\n"), ("GET /204", ""), ("GET /304", ""),
            ] {
                let answer = try await server.exchange("\(request) HTTP/1.1\r\nHost: x\r\n\r\n\(get)")
                let parts = answer.components(separatedBy: "\r\n\r\n")
                #expect(
                    parts.count == 3 && parts[1].hasPrefix("HTTP/1.1 200 OK\r\n") && parts[2] == "hello", "\(request)")
                #expect(parts[0].contains("Content-Length") == !length.isEmpty)
                if !length.isEmpty { #expect((parts[0] + "\r\n").contains(length)) }
            }
        }
    }

    @Test("A field that would begin another one is not written: the client gets 500, and the value stays secret")
    func injection() async throws {
        try await TestServer.run { _ in
            OutgoingResponse(status: .ok, headers: [.location: "/a\r\nSet-Cookie: evil=1"], body: [1])
        } _: { server in
            let answer = try await server.exchange(get)
            #expect(answer.hasPrefix("HTTP/1.1 500 ") && !answer.contains("evil"))
            #expect(server.count { if case .unwritable = $0 { true } else { false } } == 1)
        }
    }

    @Test("A body is read by whoever asks first, also from another executor, and once")
    func readOnce() async throws {
        try await TestServer.run { request in
            let body = await Task.detached { try? await request.body.collect(upTo: 100) }.value
            do {
                _ = try await request.body.collect(upTo: 100)
                return OutgoingResponse(status: .internalServerError, text: "twice")
            } catch {
                return OutgoingResponse(status: .ok, text: "\(String(decoding: body ?? [], as: UTF8.self)) \(error)")
            }
        } _: { server in
            let answer = try await server.exchange(post("/", "once"))
            #expect(answer.hasSuffix("once alreadyRead"))
        }
    }
}
