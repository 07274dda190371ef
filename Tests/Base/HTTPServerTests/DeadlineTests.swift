import Concurrency
import EdgeSupport
import HTTP
import HTTPServer
import Testing

@Suite("Deadlines of connections")
struct DeadlineTests {
    private func isServed(_ socket: TestSocket) async throws -> Bool {
        try await socket.send(get)
        return await socket.receive(until: "hello").hasPrefix("HTTP/1.1 200 OK\r\n")
    }

    @Test("A head that does not end is cut, whether nothing of it came or some; others are served meanwhile")
    func slowHead() async throws {
        try await TestServer.run({ $0.headTimeout = .seconds(2) }, handler: greetOrEcho) { server in
            // On a busy machine its own first head may be late.
            var other = try TestSocket(server.port)
            for _ in 0..<100 where (try? await isServed(other)) != true { other = try TestSocket(server.port) }
            for beginning in ["", "GET / HTTP/1.1\r\nHost: x\r\nX-Slow: "] {
                try await server.connect { slow in
                    if !beginning.isEmpty { try? await slow.send(beginning) }
                    #expect(await slow.receive() == nil)
                }
                #expect(try await isServed(other), "silence between requests is no crime")
            }
            // Also on a connection that has been served before.
            try await other.send("GET /")
            #expect(await other.receive() == nil)
            #expect(server.count { if case .headTimedOut = $0 { true } else { false } } >= 3)
        }
    }

    @Test("A head whose bytes come one by one is cut when its time is over, however lively it is")
    func trickledHead() async throws {
        try await TestServer.run({ $0.headTimeout = .seconds(1) }, handler: greetOrEcho) { server in
            try await server.connect { slow in
                try? await slow.send("GET / HTTP/1.1\r\nX: ")
                let trickle = slow.trickle("a", every: .milliseconds(50))
                #expect(await slow.receive() == nil)
                trickle.cancel()
                _ = await trickle.result
            }
        }
    }

    @Test("A body that does not end is cut, however lively it is; others are served meanwhile")
    func slowBody() async throws {
        try await TestServer.run({ $0.bodyTimeout = .seconds(1) }, handler: greetOrEcho) { server in
            for framing in ["Content-Length: 100\r\n\r\n{", "Transfer-Encoding: chunked\r\n\r\n64\r\n{"] {
                try await server.connect { slow in
                    try await slow.send("POST /echo HTTP/1.1\r\nHost: x\r\n\(framing)")
                    #expect(try await server.connect { try await isServed($0) })
                    let trickle = slow.trickle(" ")
                    #expect(await slow.receive() == nil)
                    trickle.cancel()
                    _ = await trickle.result
                }
            }
            #expect(server.count { if case .bodyTimedOut = $0 { true } else { false } } == 2)
        }
    }

    @Test("A body that comes at the least rate or faster may take longer than the time for one")
    func steadyBody() async throws {
        let change: @Sendable (inout ServerConfiguration) -> Void = {
            $0.bodyTimeout = .seconds(6)
            $0.leastBodyRate = 20
        }
        try await TestServer.run(change, handler: greetOrEcho) { server in
            try await server.connect { steady in
                // Most of it comes with the head, which earns the time in which a test's task has its turn again.
                let head = "POST /echo HTTP/1.1\r\nHost: x\r\nContent-Length: 3000\r\n\r\n"
                try await steady.send(head + String(repeating: "x", count: 2_400))
                try await steady.send(String(repeating: "x", count: 20), times: 30, every: .milliseconds(220))
                #expect(await steady.receive(until: "xxx").hasPrefix("HTTP/1.1 200 "))
            }
            #expect(server.count { if case .bodyTimedOut = $0 { true } else { false } } == 0)
        }
    }

    @Test("Silence between requests is ended when it has lasted too long, without a word")
    func idle() async throws {
        try await TestServer.run({ $0.idleTimeout = .milliseconds(300) }, handler: greetOrEcho) { server in
            try await server.connect { socket in
                let isServed = try await isServed(socket)
                #expect(isServed)
                #expect(await socket.receive() == nil && socket.pendingError == 0)
            }
            #expect(await server.eventually { $0.server.openConnections == 0 })
        }
    }

    @Test("A client that names keep-alive is told for how long, and nobody else is")
    func keepAlive() async throws {
        try await TestServer.run({ $0.idleTimeout = .seconds(95) }, handler: greetOrEcho) { server in
            let asking = "GET / HTTP/1.1\r\nHost: x\r\nConnection: Keep-Alive\r\n\r\n"
            let answer = try await server.connect { socket in
                try await socket.send(asking)
                return await socket.receive(until: "hello")
            }
            #expect(answer.contains("\r\nConnection: keep-alive\r\nKeep-Alive: timeout=95\r\n"))
            #expect(try await !server.exchange(get).contains("Keep-Alive"))
            #expect(ServerConfiguration().idleTimeout > .seconds(90), "longer than balancers keep theirs")
        }
    }

    @Sendable private static func large(_ request: IncomingRequest) async -> OutgoingResponse {
        guard request.head.path == "/large" else { return OutgoingResponse(status: .ok, text: "hello") }
        return OutgoingResponse(status: .ok, body: [UInt8](repeating: 0x78, count: size))
    }

    private static let size = 24 * 1_024 * 1_024

    private static let largeRequest = "GET /large HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"

    @Test("A caller that does not take its response is cut, and others are served")
    func stuckReader() async throws {
        try await TestServer.run({ $0.writeTimeout = .seconds(1) }, handler: Self.large) { server in
            try await server.connect(receiveBuffer: 4_096) { stuck in
                try await stuck.send(Self.largeRequest)
                #expect(try await server.connect { try await isServed($0) })
                #expect(
                    await server.eventually { $0.count { if case .writeTimedOut = $0 { true } else { false } } == 1 })
                #expect(await stuck.receiveAll() < Self.size)
            }
        }
    }

    @Test("A caller that takes its response slowly is not cut")
    func slowReader() async throws {
        try await TestServer.run({ $0.writeTimeout = .seconds(10) }, handler: Self.large) { server in
            // A machine that stands still for ten seconds holds up the caller, too.
            for _ in 0..<3 {
                let received = try await server.connect(receiveBuffer: 262_144) { patient in
                    try await patient.send(Self.largeRequest)
                    // Fifteen seconds in all, of which the last two or three are in the system's buffers.
                    return await patient.receiveAll(perSecond: 1_600_000)
                }
                if received > Self.size { return }
            }
            Issue.record("it was cut")
        }
    }

    @Test("A request that takes the server long is not the caller's fault")
    func slowServer() async throws {
        let change: @Sendable (inout ServerConfiguration) -> Void = {
            ($0.headTimeout, $0.bodyTimeout, $0.writeTimeout) = (.seconds(10), .seconds(10), .seconds(10))
            $0.idleTimeout = .seconds(10)
        }
        try await TestServer.run(change) { request in
            guard let body = try? await request.body.collect(upTo: 100) else {
                return OutgoingResponse(status: .badRequest)
            }
            try? await Task.sleep(for: .seconds(11))
            return OutgoingResponse(status: .ok, body: body)
        } _: { server in
            try await server.connect { caller in
                // The second begins while the first is waited for, and is complete only after that.
                let head = "POST /slow HTTP/1.1\r\nHost: x\r\nContent-Length: 3\r\n"
                try await caller.send("\(head)\r\none")
                try await Task.sleep(for: .milliseconds(200))
                try await caller.send(head)
                let first = await caller.receive(until: "one", thenSend: "\r\ntwo")
                #expect(first.hasPrefix("HTTP/1.1 200 "))
                #expect(await caller.receive(until: "two").hasPrefix("HTTP/1.1 200 "))
            }
            #expect(server.count { if case .connectionOpened = $0 { false } else { true } } <= 1)
        }
    }
}
