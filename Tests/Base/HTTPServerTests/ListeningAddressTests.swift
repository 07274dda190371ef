import EdgeSupport
import Glibc
import HTTP
import HTTPServer
import Testing

@Suite("Where a server listens")
struct ListeningAddressTests {
    @Test("An address is resolved as its socket will resolve it, and a Unix socket has none")
    func resolved() throws {
        #expect(try ListeningAddress.tcp(host: "127.0.0.1", port: 0).resolved() == .loopbackV4)
        #expect(try ListeningAddress.tcp(host: "::1", port: 0).resolved()?.isLoopback == true)
        #expect(try ListeningAddress.tcp(host: "0.0.0.0", port: 0).resolved()?.isLoopback == false)
        #expect(try ListeningAddress.unix(path: "/nowhere").resolved() == nil)
        #expect(throws: SocketFailure.self) { try ListeningAddress.tcp(host: "kbs.invalid", port: 0).resolved() }
    }

    @Test("A failure keeps the system's code beside its sentence")
    func codes() throws {
        let taken = try ListeningSocket(.tcp(host: "127.0.0.1", port: 0))
        let inUse = #expect(throws: SocketFailure.self) { try ListeningSocket(taken.address) }
        #expect(inUse?.code == EADDRINUSE)
        let foreign = #expect(throws: SocketFailure.self) { try ListeningSocket(.tcp(host: "192.0.2.1", port: 0)) }
        #expect(foreign?.code == EADDRNOTAVAIL)
    }

    @Test("Every loop of a server comes round")
    func comingRound() async throws {
        try await TestServer.run {
            $0.loops = 3
        } handler: { _ in
            OutgoingResponse(status: .ok)
        } _: { server in
            await server.server.roundTrip()
        }
    }
}
