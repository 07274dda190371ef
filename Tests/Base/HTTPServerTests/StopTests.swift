import Concurrency
import EdgeSupport
import Foundation
import HTTP
import HTTPServer
import TestSupport
import Testing

@Suite("Listening and stopping")
struct StopTests {
    @Test("A stop lets requests be answered, ends idle connections, and nobody connects any more")
    func graceful() async throws {
        let (gate, open) = AsyncStream.makeStream(of: Void.self)
        // With one loop, who sees that it stops knows that all of the server does.
        try await TestServer.run {
            $0.loops = 1
        } handler: { request in
            if request.head.path == "/slow" { for await _ in gate {} }
            return OutgoingResponse(status: .ok, text: "hello")
        } _: { server in
            let (idle, slow, unused) = (
                try TestSocket(server.port), try TestSocket(server.port), try TestSocket(server.port)
            )
            try await idle.send(get)
            #expect(await idle.receive(until: "hello").hasPrefix("HTTP/1.1 200 "))
            try await slow.send("GET /slow HTTP/1.1\r\nHost: x\r\n\r\n")
            #expect(await server.eventually { $0.server.openConnections == 3 })
            let stop = Task { await server.server.stop(within: .seconds(60)) }
            // A request that may have been on the way is answered.
            #expect(await idle.receive(until: nil, thenSend: get, on: unused) == "")
            #expect(await unused.receiveRest().contains("\r\nConnection: close\r\n"))
            #expect(throws: TestSocket.Failure.self) { try TestSocket(server.port) }
            open.finish()
            let answer = await slow.receiveRest()
            #expect(answer.hasSuffix("hello") && answer.contains("\r\nConnection: close\r\n"))
            await stop.value
            #expect(server.server.openConnections == 0)
        }
    }

    @Test("What is not answered in time is cut, and its handler cancelled")
    func abandoned() async throws {
        let isCancelled = Lock(false)
        try await TestServer.run { _ in
            do { try await Task.sleep(for: .seconds(600)) } catch { isCancelled.withLock { $0 = true } }
            return OutgoingResponse(status: .ok, text: "hello")
        } _: { server in
            try await server.connect { socket in
                try await socket.send(get)
                #expect(await server.eventually { $0.server.openConnections == 1 })
                await server.server.stop(within: .milliseconds(100))
                #expect(await socket.receiveRest() == "")
            }
            #expect(await server.eventually { _ in isCancelled.withLock { $0 } })
        }
    }

    @Test("Before it ends, a server can tell its clients on each response")
    func announced() async throws {
        try await TestServer.run(handler: greetOrEcho) { server in
            try await server.connect { socket in
                try await socket.send(get)
                #expect(await !socket.receive(until: "hello").contains("close"))
                server.server.announceEnd()
                await server.server.roundTrip()
                try await socket.send(get)
                #expect(await socket.receiveRest().contains("\r\nConnection: close\r\n"))
            }
            #expect(try await server.exchange(get).contains("\r\nConnection: close\r\n"), "who comes is served")
        }
    }

    @Test("An address that cannot be listened on is named, with the reason")
    func addresses() throws {
        let first = try ListeningSocket(.tcp(host: "127.0.0.1", port: 0))
        let taken = #expect(throws: SocketFailure.self) { try ListeningSocket(first.address) }
        #expect(taken?.description == "\(first.address) is in use: another server, or another program, listens there.")
        let foreign = #expect(throws: SocketFailure.self) { try ListeningSocket(.tcp(host: "192.0.2.1", port: 0)) }
        #expect(foreign?.description == "192.0.2.1:0 is not an address of this machine.")
        let unknown = #expect(throws: SocketFailure.self) {
            try ListeningSocket(.tcp(host: "no.such.invalid", port: 0))
        }
        #expect(unknown?.description.hasPrefix("The address no.such.invalid cannot be found: ") == true)
        #expect(ListeningAddress.tcp(host: "::1", port: 80).description == "[::1]:80")
    }

    @Test("A Unix socket has its mode, replaces one that was left behind, and goes with the server")
    func unixSocket() async throws {
        let folder = try TemporaryFolder()
        let path = folder.file("kbs.sock").path
        func status() -> (mode: UInt32, exists: Bool) {
            var status = stat()
            return lstat(path, &status) == 0 ? (status.st_mode & 0o777, true) : (0, false)
        }
        // One whose server did not end as it should.
        let old = socket(AF_UNIX, Int32(SOCK_STREAM.rawValue), 0)
        var address = sockaddr_un()
        address.sun_family = sa_family_t(AF_UNIX)
        withUnsafeMutableBytes(of: &address.sun_path) { $0.copyBytes(from: path.utf8) }
        let bound = withUnsafePointer(to: &address) { pointer in
            pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                bind(old, $0, socklen_t(MemoryLayout<sockaddr_un>.size))
            }
        }
        #expect(bound == 0)
        close(old)
        let seen = Lock<[Peer]>([])
        let server = HTTP1Server(ServerConfiguration()) { request in
            seen.withLock { $0.append(request.peer) }
            let body = (try? await request.body.collect(upTo: 1_000)) ?? []
            return OutgoingResponse(status: .ok, text: "hello \(body.count)")
        }
        try server.start([try ListeningSocket(.unix(path: path, mode: 0o620))])
        #expect(status() == (0o620, true))
        let inUse = #expect(throws: SocketFailure.self) { try ListeningSocket(.unix(path: path)) }
        #expect(inUse?.description == "unix:\(path) is in use: another server listens there.")
        let client = try TestSocket(path: path)
        try await client.send(get + post("/", "abc") + post("/", String(repeating: "x", count: 100_000)) + get)
        client.finishSending()
        let answers = await client.receiveRest()
        #expect(answers.matches(of: #/HTTP\/1.1 200/#).count == 4 && answers.contains("hello 3"))
        #expect(seen.withLock { $0.first } == Peer(userID: getuid()))
        await server.stop(within: .seconds(5))
        #expect(!status().exists)
        #expect(throws: TestSocket.Failure.self) { try TestSocket(path: path) }
    }

    @Test("A Unix socket takes the place of nothing else, and its path must fit")
    func unixPaths() throws {
        let folder = try TemporaryFolder()
        let file = folder.file("data")
        try Data("x".utf8).write(to: file)
        let error = #expect(throws: SocketFailure.self) { try ListeningSocket(.unix(path: file.path)) }
        #expect(error?.description == "unix:\(file.path) is there already, and is not a socket: name another path.")
        #expect(try Data(contentsOf: file) == Data("x".utf8))
        for path in ["", String(repeating: "x", count: 108), "a\0b"] {
            #expect(throws: SocketFailure.self) { try ListeningSocket(.unix(path: path)) }
        }
        let missing = folder.file("no/such/folder").path
        let failure = #expect(throws: SocketFailure.self) { try ListeningSocket(.unix(path: missing)) }
        #expect(failure?.description == "unix:\(missing) cannot be made: No such file or directory")
    }
}
