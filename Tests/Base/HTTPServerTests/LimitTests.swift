import Concurrency
import EdgeSupport
import HTTP
import HTTPServer
import Testing

@Suite("Limits of connections and of memory")
struct LimitTests {
    private func isServed(_ socket: TestSocket) async throws -> Bool {
        try await socket.send(get)
        return await socket.receive(until: "hello").hasPrefix("HTTP/1.1 200 ")
    }

    @Test("An address may have its number of connections; one more is closed, and there is room again after one ends")
    func perAddress() async throws {
        try await TestServer.run({ $0.connectionsPerAddress = 2 }, handler: greetOrEcho) { server in
            try await server.connect { first in
                #expect(try await isServed(first))
                try await server.connect { second in
                    #expect(try await isServed(second))
                    #expect(try await server.connect { (try? await isServed($0)) ?? false } == false)
                    let other = try TestSocket(server.port, from: 0x7F00_0002)
                    #expect(try await isServed(other), "another address has its own")
                    for caller in [first, second] { #expect(try await isServed(caller)) }
                }
                #expect(await server.eventually { $0.server.openConnections == 1 })
                #expect(try await server.connect { try await isServed($0) })
            }
            #expect(
                await server.eventually { $0.count { if case .connectionRefused = $0 { true } else { false } } == 1 })
        }
    }

    @Test("Those behind a trusted proxy share its address, and are counted in all only")
    func proxies() async throws {
        let proxy = try NetworkList("127.0.0.2")
        let change: @Sendable (inout ServerConfiguration) -> Void = {
            ($0.connectionsPerAddress, $0.proxies) = (1, proxy)
        }
        try await TestServer.run(change, handler: greetOrEcho) { server in
            let sockets = try (0..<3).map { _ in try TestSocket(server.port, from: 0x7F00_0002) }
            for socket in sockets { #expect(try await isServed(socket)) }
            #expect(server.count { if case .connectionRefused = $0 { true } else { false } } == 0)
        }
    }

    @Test("Over the number of connections in all, one waits while each has a request, and is then served")
    func inAll() async throws {
        try await TestServer.run({ $0.connections = 2 }, handler: greetOrEcho) { server in
            let begun = try (0..<2).map { _ in try TestSocket(server.port) }
            for caller in begun {
                try await caller.send("POST /echo HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\n\r\nhel")
            }
            #expect(await server.eventually { $0.server.openConnections == 2 && $0.server.bodiesInMemory == 10 })
            let third = Task { try await server.connect { try await isServed($0) } }
            #expect(await server.eventually { $0.count { if case .acceptingPaused = $0 { true } else { false } } == 1 })
            #expect(server.server.openConnections == 2)
            for caller in begun {
                try await caller.send("lo")
                #expect(await caller.receive(until: "hello").hasPrefix("HTTP/1.1 200 "), "those who are in are served")
            }
            #expect(try await third.value)
        }
    }

    @Test("Bodies that together take too much memory find no room, and their memory is given back")
    func bodies() async throws {
        let change: @Sendable (inout ServerConfiguration) -> Void = { $0.bodies = 250_000 }
        try await TestServer.run(change) { request in
            do {
                return OutgoingResponse(status: .ok, text: "\(try await request.body.collect(upTo: 200_000).count)")
            } catch {
                return failure(error)
            }
        } _: { server in
            let half = String(repeating: "x", count: 100_000)
            let heads = ["Content-Length: 200000\r\n\r\n", "Transfer-Encoding: chunked\r\n\r\n186a0\r\n"].map {
                "POST / HTTP/1.1\r\nHost: x\r\n\($0)"
            }
            func reached(_ bytes: Int) async { #expect(await server.eventually { $0.server.bodiesInMemory == bytes }) }
            try await server.connect { first in
                try await first.send(heads[0] + half)
                await reached(100_000)
                try await server.connect { second in
                    try await second.send(heads[1] + half)
                    await reached(200_000)
                    for head in heads {
                        let refused = try await server.connect { third in
                            try await third.send(head + half)
                            return await third.receive(until: "no room")
                        }
                        #expect(refused.hasPrefix("HTTP/1.1 503 "))
                    }
                    #expect(try await server.exchange(post("/", "short")).hasSuffix("5"))
                }
                // The second hung up.
                await reached(100_000)
                try await first.send(half)
                #expect(await first.receive(until: "200000").hasPrefix("HTTP/1.1 200 "))
            }
            await reached(0)
            #expect(server.count { if case .bodyRefused = $0 { true } else { false } } == 2)
        }
    }

    @Test("A length that is only promised takes no memory")
    func promises() async throws {
        try await TestServer.run(handler: greetOrEcho) { server in
            var sockets: [TestSocket] = []
            for _ in 0..<20 {
                let socket = try TestSocket(server.port)
                try await socket.send("POST /echo HTTP/1.1\r\nHost: x\r\nContent-Length: 16777216\r\n\r\nx")
                sockets.append(socket)
            }
            #expect(await server.eventually { $0.server.bodiesInMemory == 20 })
            withExtendedLifetime(sockets) {}
        }
    }
}
