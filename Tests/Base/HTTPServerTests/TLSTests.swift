import Concurrency
import EdgeSupport
import Foundation
import HTTP
import HTTPServer
import TLS
import TLSSupport
import Testing
import X509

@Suite("HTTP over TLS")
struct TLSTests {
    let authority: TestAuthority
    let context: TLSContext

    init() throws {
        signal(SIGPIPE, SIG_IGN)
        authority = try TestAuthority()
        context = try TLSContext(TLSServerConfiguration(try authority.issue()))
    }

    private func client(_ change: (inout TLSClientConfiguration) -> Void = { _ in }) throws -> TLSContext {
        var configuration = TLSClientConfiguration(.authorities([authority.certificate]))
        change(&configuration)
        return try TLSContext(configuration)
    }

    private func run(
        _ change: (inout ServerConfiguration) -> Void = { _ in },
        handler: @escaping @Sendable (IncomingRequest) async -> OutgoingResponse = greetOrEcho,
        _ body: (TestServer) async throws -> Void
    ) async throws {
        let context = context
        try await TestServer.run(change, tls: { context }, handler: handler, body)
    }

    @Test("Requests and bodies of any size go through, one after another")
    func exchanges() async throws {
        try await run { server in
            let socket = try await TLSTestSocket.connect(server.port, client())
            for size in [0, 1, 5_000, 16_384, 100_000, 3_000_000] {
                let body = String(repeating: "x", count: size)
                try await socket.send(post("/echo", body) + get)
                let answer = try await socket.receive(until: "hello")
                #expect(answer.contains("\r\nContent-Length: \(size)\r\n"), "\(size)")
                #expect(answer.utf8.count > size)
            }
            #expect(socket.serverCertificate != nil)
        }
    }

    @Test("What is refused at the head is thrown away up to the limit; past it the answer is read all the same")
    func refused() async throws {
        try await run { server in
            let socket = try await TLSTestSocket.connect(server.port, client())
            try await socket.send(post("/none", String(repeating: "x", count: 200_000)) + get)
            #expect(try await socket.receive(until: "hello").contains("HTTP/1.1 404 "))
            try await socket.send(post("/none", String(repeating: "x", count: 900_000)))
            let last = try await socket.receive(until: "nothing here")
            #expect(last.hasPrefix("HTTP/1.1 404 ") && last.contains("\r\nConnection: close\r\n"))
            #expect(try await socket.receive() == nil, "and the end is told")
        }
    }

    @Test("A connection ends with its word for it, idle or asked to, and a client's own word leaves its answer")
    func endings() async throws {
        try await run({ $0.idleTimeout = .milliseconds(300) }) { server in
            let idle = try await TLSTestSocket.connect(server.port, client())
            try await idle.send(get)
            #expect(try await idle.receive(until: "hello").hasPrefix("HTTP/1.1 200 "))
            #expect(try await idle.receive() == nil)
            let asking = try await TLSTestSocket.connect(server.port, client())
            try await asking.send("GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
            #expect(try await asking.receive(until: "hello").hasPrefix("HTTP/1.1 200 "))
            #expect(try await asking.receive() == nil)
            let finished = try await TLSTestSocket.connect(server.port, client())
            try await finished.send(get)
            try await finished.finishSending()
            #expect(try await finished.receive(until: "hello").hasPrefix("HTTP/1.1 200 "))
        }
    }

    @Test(
        "A handshake that does not end is cut, and others connect meanwhile", arguments: ["", "\u{16}\u{3}\u{1}\u{2}"])
    func slowHandshake(beginning: String) async throws {
        try await run({ $0.tlsHandshakeTimeout = .seconds(5) }) { server in
            try await server.connect { slow in
                if !beginning.isEmpty { try? await slow.send(beginning) }
                // On a busy machine its own handshake may be late.
                var other = try? await TLSTestSocket.connect(server.port, client())
                for _ in 0..<100 where other == nil { other = try? await TLSTestSocket.connect(server.port, client()) }
                try await other?.send(get)
                #expect(try await other?.receive(until: "hello").hasPrefix("HTTP/1.1 200 ") == true)
                #expect(await slow.receive() == nil)
            }
            #expect(server.count { if case .tlsHandshakeTimedOut = $0 { true } else { false } } >= 1)
        }
    }

    @Test("Plain HTTP at a TLS port is told in plain HTTP what to do, and what is neither is ended")
    func plainHTTP() async throws {
        try await run { server in
            let answer = try await server.exchange(get)
            #expect(answer.hasPrefix("HTTP/1.1 400 Bad Request\r\n") && answer.hasSuffix("use https://\n"))
            _ = try await server.exchange("SSH-2.0-OpenSSH_9\r\n")
            let kinds = server.events.compactMap { event -> TLSError.Kind? in
                if case .tlsHandshakeFailed(let error, _) = event { error.kind } else { nil }
            }
            #expect(kinds.first == .plainHTTP && kinds.count == 2)
        }
    }

    @Test("New connections begin with the context of the moment, and old ones keep theirs: no request fails")
    func reload() async throws {
        let current = Lock(context)
        let first = try await Self.certificate(of: context, authority)
        try await TestServer.run(tls: { current.withLock { $0 } }, handler: greetOrEcho) { server in
            let old = try await TLSTestSocket.connect(server.port, client())
            let failures = Lock(0)
            try await withThrowingTaskGroup(of: Void.self) { group in
                for _ in 0..<4 {
                    group.addTask {
                        for _ in 0..<15 {
                            do {
                                let socket = try await TLSTestSocket.connect(server.port, client())
                                try await socket.send(get)
                                let answer = try await socket.receive(until: "hello")
                                if !answer.hasPrefix("HTTP/1.1 200 ") { failures.withLock { $0 += 1 } }
                            } catch {
                                failures.withLock { $0 += 1 }
                            }
                        }
                    }
                }
                for _ in 0..<10 {
                    let next = try TLSContext(TLSServerConfiguration(try authority.issue()))
                    current.withLock { $0 = next }
                    try await old.send(get)
                    #expect(try await old.receive(until: "hello").hasPrefix("HTTP/1.1 200 "))
                }
                try await group.waitForAll()
            }
            #expect(failures.withLock { $0 } == 0)
            let new = try await TLSTestSocket.connect(server.port, client())
            #expect(new.serverCertificate != old.serverCertificate && old.serverCertificate == first)
        }
    }

    private static func certificate(of context: TLSContext, _ authority: TestAuthority) async throws -> [UInt8]? {
        var seen: [UInt8]?
        try await TestServer.run(tls: { context }, handler: greetOrEcho) { server in
            let configuration = TLSClientConfiguration(.authorities([authority.certificate]))
            seen = try await TLSTestSocket.connect(server.port, TLSContext(configuration)).serverCertificate
        }
        return seen
    }

    @Test("A client may come without a certificate; a good one reaches the handler with each request")
    func clientCertificates() async throws {
        let clients = try TestAuthority("Clients")
        var configuration = TLSServerConfiguration(try authority.issue(), clientAuthorities: [clients.certificate])
        configuration.minimumVersion = .tlsv12
        let context = try TLSContext(configuration)
        let identity = try clients.issue("registrar", for: [.clients])
        try await TestServer.run(tls: { context }) { request in
            let seen = request.tls?.certificate.map { "\($0.subject)" } ?? "nobody"
            return OutgoingResponse(status: .ok, text: "<\(seen)>")
        } _: { server in
            for version in [TLSVersion.tlsv12, .tlsv13] {
                let nobody = try await TLSTestSocket.connect(server.port, client { $0.versions = version...version })
                try await nobody.send(get)
                #expect(try await nobody.receive(until: ">").hasSuffix("<nobody>"))
                let known = try await TLSTestSocket.connect(
                    server.port,
                    client {
                        $0.versions = version...version
                        $0.identity = identity
                    })
                for _ in 0..<2 {
                    try await known.send(get)
                    #expect(try await known.receive(until: ">").hasSuffix("<CN=registrar>"))
                }
            }
            let stranger = try TestAuthority("Clients").issue("registrar", for: [.clients])
            await #expect(throws: (any Error).self) {
                let socket = try await TLSTestSocket.connect(server.port, client { $0.identity = stranger })
                try await socket.send(get)
                guard try await socket.receive() == nil else { return }
                throw CancellationError()
            }
            // It is told of after the client has been.
            #expect(
                await server.eventually { $0.count { if case .tlsHandshakeFailed = $0 { true } else { false } } == 1 })
        }
    }

    @Test("Handshakes that never go on, from one address, leave the others their turn and requests their answers")
    func flood() async throws {
        // A busy machine takes its time to make so many connections.
        try await run({ ($0.headTimeout, $0.tlsHandshakeTimeout) = (.seconds(300), .seconds(300)) }) { server in
            let open = try await TLSTestSocket.connect(server.port, client())
            var flood: [TestSocket] = []
            let hello = try Self.clientHello()
            for _ in 0..<400 {
                let socket = try TestSocket(server.port, from: 0x7F00_0063)
                try await socket.send(hello)
                flood.append(socket)
            }
            try await open.send(get)
            #expect(try await open.receive(until: "hello").hasPrefix("HTTP/1.1 200 "))
            let honest = try await TLSTestSocket.connect(server.port, client())
            try await honest.send(get)
            #expect(try await honest.receive(until: "hello").hasPrefix("HTTP/1.1 200 "))
            // Each of the flood was answered in its turn as well.
            var answered = 0
            for socket in flood where await socket.receiveBytes()?.first == 0x16 { answered += 1 }
            #expect(answered == flood.count)
        }
    }

    /// The first message of a client's handshake, as it is sent.
    private static func clientHello() throws -> [UInt8] {
        var ends: [Int32] = [0, 0]
        socketpair(AF_UNIX, Int32(SOCK_STREAM.rawValue), 0, &ends)
        defer { for end in ends { close(end) } }
        _ = fcntl(ends[0], F_SETFL, O_NONBLOCK)
        let session = try TLSSession(
            try TLSContext(TLSClientConfiguration(.system)), connecting: ends[0], to: "localhost")
        #expect(session.handshake() == .wantRead)
        var bytes = [UInt8](repeating: 0, count: 4_096)
        let count = recv(ends[1], &bytes, bytes.count, 0)
        return Array(bytes.prefix(count))
    }
}
