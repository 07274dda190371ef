import EdgeSupport
import HTTP
import HTTPServer
import Testing

@Suite("Idle connections of a full server")
struct IdleConnectionTests {
    private func isServed(_ socket: TestSocket) async throws -> Bool {
        try await socket.send(get)
        return await socket.receive(until: "hello").hasPrefix("HTTP/1.1 200 ")
    }

    private func closed(_ event: ServerEvent) -> Bool { if case .idleConnectionClosed = event { true } else { false } }

    private func paused(_ event: ServerEvent) -> Bool { if case .acceptingPaused = event { true } else { false } }

    @Test("The connection that has waited longest is closed for a new one, and no other")
    func longest() async throws {
        try await TestServer.run {
            ($0.connections, $0.loops) = (3, 1)
        } handler: {
            await greetOrEcho($0)
        } _: { server in
            let callers = try (0..<3).map { _ in try TestSocket(server.port) }
            // The second asks again, and so has waited least.
            for index in [0, 1, 2, 1] { #expect(try await isServed(callers[index])) }
            #expect(server.count(closed) == 0, "as many as there may be are no reason")
            let (fourth, fifth) = (try TestSocket(server.port), try TestSocket(server.port))
            for (new, old) in [(fourth, callers[0]), (fifth, callers[2])] {
                #expect(try await isServed(new))
                #expect(await old.receive() == nil && old.pendingError == 0)
            }
            #expect(try await isServed(callers[1]))
            #expect(server.count(closed) == 2)
        }
    }

    @Test("One that becomes idle is closed for one that waits; one with a request is not")
    func afterwards() async throws {
        let (gate, open) = AsyncStream.makeStream(of: Void.self)
        try await TestServer.run {
            ($0.connections, $0.loops) = (2, 1)
        } handler: { request in
            if request.head.path == "/slow" { for await _ in gate {} }
            return await greetOrEcho(request)
        } _: { server in
            let (slow, begun) = (try TestSocket(server.port), try TestSocket(server.port))
            try await slow.send("GET /slow HTTP/1.1\r\nHost: x\r\n\r\n")
            try await begun.send("POST /echo HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\n\r\nhel")
            let third = Task { try await server.connect { try await isServed($0) } }
            #expect(await server.eventually { $0.count(paused) == 1 })
            open.finish()
            #expect(await slow.receiveRest().hasSuffix("nothing here"))
            #expect(try await third.value)
            try await begun.send("lo")
            #expect(await begun.receive(until: "hello").hasPrefix("HTTP/1.1 200 "))
            #expect(server.count(closed) == 1)
        }
    }

    @Test("A connection that is not admitted takes nobody's place")
    func notAdmitted() async throws {
        try await TestServer.run {
            ($0.connections, $0.connectionsPerAddress, $0.loops) = (2, 1, 1)
        } handler: {
            await greetOrEcho($0)
        } _: { server in
            let callers = try [0x7F00_0001, 0x7F00_0002].map { try TestSocket(server.port, from: $0) }
            for caller in callers { #expect(try await isServed(caller)) }
            let refused = try TestSocket(server.port, from: 0x7F00_0002)
            #expect(await refused.receive() == nil)
            for caller in callers { #expect(try await isServed(caller)) }
            #expect(server.count(closed) == 0)
        }
    }

    @Test("A new connection is served whichever loop has the idle one")
    func loops() async throws {
        try await TestServer.run {
            ($0.connections, $0.loops) = (4, 4)
        } handler: {
            await greetOrEcho($0)
        } _: { server in
            var callers: [TestSocket] = []
            for _ in 0..<40 {
                let caller = try TestSocket(server.port)
                #expect(try await isServed(caller))
                callers.append(caller)
            }
            // Each loop may be one over until a connection ends.
            #expect(server.server.openConnections <= 8)
        }
    }
}
