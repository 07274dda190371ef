import Concurrency
import EdgeSupport
import HTTP
import HTTPServer
import Testing

@Suite("Requests that are refused at their head")
struct RefusalTests {
    /// Refuses everything but `/`, and reads no body.
    @Sendable private static func refuse(_ request: IncomingRequest) async -> OutgoingResponse {
        request.head.path == "/"
            ? OutgoingResponse(status: .ok, text: "hello") : OutgoingResponse(status: .unauthorized, text: "refused")
    }

    private func head(_ count: Int) -> String { "POST /x HTTP/1.1\r\nHost: x\r\nContent-Length: \(count)\r\n\r\n" }

    @Test("Up to the limit the body is thrown away, and the connection goes on with the next request")
    func kept() async throws {
        try await TestServer.run(handler: Self.refuse) { server in
            try await server.connect { socket in
                for count in [0, 1, 5_000, 100_000, 262_144] {
                    try await socket.send(head(count))
                    #expect(await socket.receive(until: "refused").hasPrefix("HTTP/1.1 401 "))
                    // What would be a request if it were not a body.
                    let body = Array(repeating: get.utf8, count: count / get.utf8.count + 1).joined().prefix(count)
                    try await socket.send(Array(body))
                    try await socket.send(get)
                    let next = await socket.receive(until: "hello")
                    #expect(next.hasPrefix("HTTP/1.1 200 ") && !next.contains("close"), "\(count)")
                }
            }
            #expect(server.server.openConnections <= 1)
        }
    }

    @Test("A chunked body is thrown away as well, up to the limit")
    func keptChunks() async throws {
        try await TestServer.run(handler: Self.refuse) { server in
            try await server.connect { socket in
                try await socket.send("POST /x HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n")
                #expect(await socket.receive(until: "refused").hasPrefix("HTTP/1.1 401 "))
                let chunk = "2710\r\n" + String(repeating: "x", count: 10_000) + "\r\n"
                try await socket.send(String(repeating: chunk, count: 20) + "0\r\n\r\n" + get)
                #expect(await socket.receive(until: "hello").hasPrefix("HTTP/1.1 200 "))
                try await socket.send("POST /x HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n")
                #expect(await socket.receive(until: "refused").hasPrefix("HTTP/1.1 401 "))
                try? await socket.send(String(repeating: chunk, count: 30))
                #expect(await socket.receive() == nil)
            }
        }
    }

    @Test("Over the limit the connection ends, and a client that sends it all reads the answer nevertheless")
    func ended() async throws {
        try await TestServer.run(handler: Self.refuse) { server in
            for count in [262_145, 900_000] {
                try await server.connect { socket in
                    // Not looked at before all was sent, as many clients do.
                    try await socket.send(head(count) + String(repeating: "x", count: count))
                    let answer = await socket.receiveRest()
                    #expect(answer.hasPrefix("HTTP/1.1 401 ") && answer.hasSuffix("refused"), "\(count)")
                    #expect(answer.contains("\r\nConnection: close\r\n"))
                }
            }
        }
    }

    @Test("Whoever goes on sending without end is cut off")
    func endless() async throws {
        try await TestServer.run(handler: Self.refuse) { server in
            try await server.connect { socket in
                try await socket.send(head(1 << 40))
                let piece = [UInt8](repeating: 0x78, count: 65_536)
                var sent = 0
                while (try? await socket.send(piece)) != nil, sent < 1 << 30 { sent += piece.count }
                #expect(sent < 1 << 30)
            }
            #expect(await server.eventually { $0.server.openConnections == 0 })
        }
    }

    @Test("Whoever says nothing more after being refused is let go after a while")
    func silent() async throws {
        let change: @Sendable (inout ServerConfiguration) -> Void = { $0.lingerTimeout = .milliseconds(300) }
        try await TestServer.run(change, handler: Self.refuse) { server in
            try await server.connect { socket in
                try await socket.send(head(1_000_000) + "x")
                #expect(await socket.receiveRest().hasSuffix("refused"))
                #expect(await server.eventually { $0.server.openConnections == 0 })
            }
        }
    }

    @Test("A body that stops coming after the refusal is cut like any other")
    func stalled() async throws {
        let change: @Sendable (inout ServerConfiguration) -> Void = { $0.bodyTimeout = .milliseconds(300) }
        try await TestServer.run(change, handler: Self.refuse) { server in
            try await server.connect { socket in
                try await socket.send(head(1_000) + "x")
                #expect(await socket.receiveRest().hasSuffix("refused"))
            }
            #expect(server.count { if case .bodyTimedOut = $0 { true } else { false } } == 1)
        }
    }

    @Test("What is no request is answered with what is wrong, is told, and the connection ends")
    func malformed() async throws {
        try await TestServer.run(handler: Self.refuse) { server in
            let field = "GET / HTTP/1.1\r\nHost: x\r\nX-A: \(String(repeating: "a", count: 20_000))\r\n\r\n"
            let answer = try await server.connect { socket in
                try await socket.send(field + String(repeating: "x", count: 500_000))
                return await socket.receiveRest()
            }
            #expect(answer.hasPrefix("HTTP/1.1 431 Request Header Fields Too Large\r\n"))
            #expect(answer.contains("16384 bytes") && answer.contains("\r\nConnection: close\r\n"))
            let faults = server.events.compactMap { event -> MalformedMessage? in
                guard case .malformed(let fault, let peer) = event, peer.address?.description == "127.0.0.1" else {
                    return nil
                }
                return fault
            }
            #expect(faults.map(\.part) == [.size])
        }
    }

    @Test("A body that is too long, or finds no room, is refused before or while it comes, and the connection goes on")
    func bodies() async throws {
        try await TestServer.run { request in
            do {
                return OutgoingResponse(status: .ok, text: "\(try await request.body.collect(upTo: 1_000).count)")
            } catch {
                return failure(error)
            }
        } _: { server in
            try await server.connect { socket in
                for (framing, body) in [
                    ("Content-Length: 1001", String(repeating: "x", count: 1_001)),
                    ("Transfer-Encoding: chunked", "3e9\r\n\(String(repeating: "x", count: 1_001))\r\n0\r\n\r\n"),
                ] {
                    try await socket.send("POST / HTTP/1.1\r\nHost: x\r\n\(framing)\r\n\r\n\(body)")
                    #expect(await socket.receive(until: "too long").hasPrefix("HTTP/1.1 413 Content Too Large\r\n"))
                }
                try await socket.send(post("/", String(repeating: "x", count: 1_000)))
                #expect(await socket.receive(until: "1000").hasPrefix("HTTP/1.1 200 "))
            }
        }
    }

    // MARK: Expect

    @Test("100 is sent when the body is asked for, once, and not when the body has come already")
    func expect() async throws {
        try await TestServer.run(handler: greetOrEcho) { server in
            try await server.connect { socket in
                let head = "POST /echo HTTP/1.1\r\nHost: x\r\nExpect: 100-continue\r\nContent-Length: 3\r\n\r\n"
                try await socket.send(head)
                #expect(await socket.receive(until: "\r\n\r\n") == "HTTP/1.1 100 Continue\r\n\r\n")
                try await socket.send("one")
                #expect(await socket.receive(until: "one").hasPrefix("HTTP/1.1 200 "))
                try await socket.send(head + "two")
                #expect(await socket.receive(until: "two").hasPrefix("HTTP/1.1 200 "))
            }
        }
    }

    @Test(
        "Whoever waits for 100 and is refused gets the final answer at once, and the connection ends: it may send or not"
    )
    func refusedExpectation() async throws {
        try await TestServer.run(handler: Self.refuse) { server in
            for rest in ["", "abc", get] {
                let answer = try await server.connect { socket in
                    try await socket.send(
                        "POST /x HTTP/1.1\r\nHost: x\r\nExpect: 100-continue\r\nContent-Length: 3\r\n\r\n")
                    let answer = await socket.receive(until: "refused")
                    try? await socket.send(rest)
                    socket.finishSending()
                    return answer + (await socket.receiveRest())
                }
                #expect(
                    answer.hasPrefix("HTTP/1.1 401 ") && answer.hasSuffix("refused"), "nothing behind it is answered")
                #expect(answer.contains("\r\nConnection: close\r\n"))
            }
        }
    }

    @Test("Another expectation is 417")
    func otherExpectation() async throws {
        try await TestServer.run(handler: greetOrEcho) { server in
            let answer = try await server.exchange(post("/echo", "abc", "Expect: 200-ok\r\n"))
            #expect(answer.hasPrefix("HTTP/1.1 417 Expectation Failed\r\n"))
        }
    }
}
