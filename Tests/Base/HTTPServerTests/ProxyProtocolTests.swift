import EdgeSupport
import Foundation
import HTTP
import HTTPServer
import TLS
import TLSSupport
import TestSupport
import Testing

/// Says who asks.
@Sendable private func whoAmI(_ request: IncomingRequest) async -> OutgoingResponse {
    OutgoingResponse(status: .ok, text: "<\(request.peer)>")
}

@Suite("Behind a balancer in TCP mode that speaks the PROXY protocol")
struct ProxyProtocolTests {
    private let get = "GET / HTTP/1.1\r\nHost: x\r\n\r\n"
    private static let header: [UInt8] =
        [0x0D, 0x0A, 0x0D, 0x0A, 0x00, 0x0D, 0x0A, 0x51, 0x55, 0x49, 0x54, 0x0A, 0x21, 0x11, 0, 12]
        + [192, 0, 2, 7, 198, 51, 100, 1, 0x12, 0x67, 0x01, 0xBB]

    init() { signal(SIGPIPE, SIG_IGN) }

    private func run(
        tls: TLSContext? = nil, _ change: (inout ServerConfiguration) -> Void = { _ in },
        _ body: (TestServer) async throws -> Void
    ) async throws {
        let networks = try NetworkList("127.0.0.1")
        var context: (@Sendable () -> TLSContext)?
        if let tls { context = { tls } }
        try await TestServer.run(
            { (configuration: inout ServerConfiguration) in
                change(&configuration)
                configuration.proxyProtocol = networks
            }, tls: context, handler: whoAmI, body)
    }

    @Test("The caller is whom the header names, however it is cut, and what follows is the request")
    func named() async throws {
        try await run { server in
            for cut in [1, 11, 12, 15, 16, 17, 27, 28] {
                let socket = try TestSocket(server.port)
                try await socket.send(Array(Self.header.prefix(cut)))
                try await Task.sleep(for: .milliseconds(2))
                try await socket.send(Array(Self.header.dropFirst(cut)) + Array(get.utf8))
                #expect(await socket.receive(until: ">").hasSuffix("<192.0.2.7>"), "cut after \(cut)")
            }
        }
    }

    @Test("From a listed network nothing else is taken, and from elsewhere the header is no request")
    func refused() async throws {
        try await run { server in
            for text in [get, "PROXY TCP4 192.0.2.7 198.51.100.1 4711 443\r\n\(get)"] {
                let socket = try TestSocket(server.port)
                try await socket.send(text)
                #expect(await socket.receiveRest() == "")
            }
            #expect(server.count { if case .malformed(let fault, _) = $0 { fault.part == .proxy } else { false } } == 2)
            let stranger = try TestSocket(server.port, from: 0x7F00_0009)
            try await stranger.send(Self.header + Array(get.utf8))
            #expect(await stranger.receive(until: "\r\n").hasPrefix("HTTP/1.1 400 "))
            let direct = try TestSocket(server.port, from: 0x7F00_0009)
            try await direct.send(get)
            #expect(await direct.receive(until: ">").hasSuffix("<127.0.0.9>"))
        }
    }

    @Test("A header that does not end is cut in the time of a handshake")
    func slow() async throws {
        try await run({ $0.tlsHandshakeTimeout = .milliseconds(200) }) { server in
            let socket = try TestSocket(server.port)
            try await socket.send(Array(Self.header.prefix(20)))
            #expect(await socket.receiveRest() == "")
            #expect(await server.eventually { $0.server.openConnections == 0 })
        }
    }

    @Test("Connections are counted for the client's address, and the balancer may have as many as there are")
    func counted() async throws {
        try await run({ $0.connectionsPerAddress = 2 }) { server in
            var sockets: [TestSocket] = []
            for last: UInt8 in [7, 7, 8, 8, 9] {
                let socket = try TestSocket(server.port)
                var header = Self.header
                header[19] = last
                try await socket.send(header + Array(get.utf8))
                #expect(await socket.receive(until: ">").hasSuffix("<192.0.2.\(last)>"))
                sockets.append(socket)
            }
            let third = try TestSocket(server.port)
            try await third.send(Self.header + Array(get.utf8))
            #expect(await third.receiveRest() == "")
            #expect(
                server.count { if case .connectionRefused(let peer) = $0 { "\(peer)" == "192.0.2.7" } else { false } }
                    == 1)
            sockets.removeFirst()
            #expect(await server.eventually { $0.server.openConnections == 4 })
            let again = try TestSocket(server.port)
            try await again.send(Self.header + Array(get.utf8))
            #expect(await again.receive(until: ">").hasSuffix("<192.0.2.7>"))
        }
    }

    @Test(
        "HAProxy in TCP mode names its clients, before TLS and without it",
        .enabled(if: TCPBalancer.isInstalled, "haproxy is not installed"))
    func haproxy() async throws {
        try await run { server in
            let balancer = try await TCPBalancer(before: server.port)
            let client = try TestSocket(balancer.port, from: 0x7F00_0005)
            try await client.send(get)
            #expect(await client.receive(until: ">").hasSuffix("<127.0.0.5>"))
        }
        let authority = try TestAuthority()
        let context = try TLSContext(TLSServerConfiguration(try authority.issue()))
        try await run(tls: context) { server in
            let balancer = try await TCPBalancer(before: server.port)
            let client = try await TLSTestSocket.connect(
                balancer.port, try TLSContext(TLSClientConfiguration(.authorities([authority.certificate]))))
            try await client.send(get)
            #expect(try await client.receive(until: ">").hasSuffix("<127.0.0.1>"))
            #expect(server.count { if case .malformed = $0 { true } else { false } } == 0)
        }
    }
}

/// HAProxy in TCP mode in front of a port of this machine.
private final class TCPBalancer: Sendable {
    private static let program = "/usr/sbin/haproxy"
    static let isInstalled = FileManager.default.isExecutableFile(atPath: program)

    let port: Int
    private let folder: TemporaryFolder
    private let process: SpawnedProcess

    private struct NotStarted: Error { let log: String }

    init(before server: Int) async throws {
        folder = try TemporaryFolder()
        port = try Self.freePort()
        let (settings, log) = (folder.file("haproxy.cfg"), folder.file("log"))
        // Its own checks say LOCAL.
        try Data(
            """
            global
                maxconn 100
            defaults
                mode tcp
                timeout connect 300s
                timeout client 300s
                timeout server 300s
            listen kbs
                bind 127.0.0.1:\(port)
                server kbs 127.0.0.1:\(server) check inter 100ms fall 1000 send-proxy-v2 check-send-proxy

            """.utf8
        ).write(to: settings)
        var plan = SpawnedProcess.Plan(URL(filePath: Self.program), ["-db", "-f", settings.path])
        try plan.write(errorsTo: log.path)
        process = try SpawnedProcess(plan)
        for _ in 0..<6_000 where process.isRunning {
            if (try? TestSocket(port)) != nil { return }
            try await Task.sleep(for: .milliseconds(20))
        }
        throw NotStarted(log: try String(contentsOf: log, encoding: .utf8))
    }

    private static func freePort() throws -> Int {
        let socket = try ListeningSocket(.tcp(host: "127.0.0.1", port: 0))
        guard case .tcp(_, let port) = socket.address else { throw NotStarted(log: "") }
        return Int(port)
    }
}
