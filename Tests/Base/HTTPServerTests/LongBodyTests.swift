import EdgeSupport
import HTTP
import HTTPServer
import Testing

@Suite("Memory for long bodies")
struct LongBodyTests {
    private let head = "POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 50000\r\n\r\n"

    private func bytes(_ count: Int) -> String { String(repeating: "x", count: count) }

    @Test("Long bodies have a part of the memory, and each sender a part of that; others find room all the same")
    func shares() async throws {
        let change: @Sendable (inout ServerConfiguration) -> Void = {
            ($0.longBody, $0.longBodies, $0.longBodiesPerSender) = (20_000, 100_000, 50_000)
        }
        try await TestServer.run(change) { request in
            do {
                let body = try await request.body.collect(upTo: 50_000, from: request.peer.address)
                return OutgoingResponse(status: .ok, text: "\(body.count)")
            } catch {
                return failure(error)
            }
        } _: { server in
            func reached(_ bytes: Int) async { #expect(await server.eventually { $0.server.bodiesInMemory == bytes }) }
            func reply(to body: String, from address: UInt32) async throws -> String {
                let socket = try TestSocket(server.port, from: address)
                try await socket.send(body)
                socket.finishSending()
                return await socket.receiveRest()
            }
            let (one, other, third): (UInt32, UInt32, UInt32) = (0x7F00_0001, 0x7F00_0002, 0x7F00_0003)
            // Announcements alone take nothing.
            let announced = try (0..<4).map { _ in try TestSocket(server.port, from: one) }
            for socket in announced { try await socket.send(head) }
            let first = try TestSocket(server.port, from: one)
            try await first.send(head + bytes(30_000))
            await reached(30_000)
            #expect(try await reply(to: head + bytes(50_000), from: one).hasSuffix("no room"), "a sender's part")
            #expect(try await reply(to: post("/", bytes(20_000)), from: one).hasSuffix("20000"), "no long body")
            #expect(try await reply(to: head + bytes(50_000), from: other).hasSuffix("50000"))
            let second = try TestSocket(server.port, from: other)
            try await second.send(head + bytes(40_000))
            await reached(70_000)
            #expect(try await reply(to: head + bytes(50_000), from: third).hasSuffix("no room"), "all of it")
            try await first.send(bytes(20_000))
            #expect(await first.receive(until: "50000").hasPrefix("HTTP/1.1 200 "))
            await reached(40_000)
            #expect(
                try await reply(to: head + bytes(30_000), from: third).contains("HTTP/1.1 400 "), "its end is missing")
            second.reset()
            await reached(0)
            #expect(try await reply(to: head + bytes(50_000), from: one).hasSuffix("50000"), "it is given back")
        }
    }
}
