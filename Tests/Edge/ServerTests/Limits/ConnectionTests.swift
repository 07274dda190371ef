import BrokerSupport
import Bytes
import EdgeSupport
import Evidence
import EvidenceSupport
import Foundation
import HTTP
import HTTPClient
import HTTPEdge
import HTTPServer
@testable import Installation
import SimulatedHardware
import TestSupport
import Testing

@testable import Server

@Suite("Connections")
struct ConnectionTests {
    private static let question = "GET /kbs/v0 HTTP/1.1\r\nHost: x\r\n\r\n"

    private func ask(_ connection: RawConnection) async throws -> Bool {
        try await connection.send(Self.question)
        return await connection.receive(until: "begins.").hasPrefix("HTTP/1.1 401 ")
    }

    @Test("An address may have its number of connections; one more is closed, and there is room again after one ends")
    func perAddress() async throws {
        try await RunningServer.run({ $0.limits.connectionsPerAddress = 2 }) { server in
            try await RawConnection.open(server.port) { first in
                #expect(try await ask(first))
                try await RawConnection.open(server.port) { second in
                    #expect(try await ask(second))
                    let isServed = try await RawConnection.open(server.port) { (try? await ask($0)) ?? false }
                    #expect(!isServed, "closed without a word")
                    for caller in [first, second] { #expect(try await ask(caller)) }
                }
                try await eventually("another is served") {
                    try await RawConnection.open(server.port) { (try? await ask($0)) ?? false }
                }
            }
        }
    }

    @Test("Over the number of connections in all, one waits while each has a request, and is then served")
    func inAll() async throws {
        var settings = LimitSettings.patient
        settings.connections = 2
        try await SmallServer.run(
            settings,
            calls: [
                Self.probe,
                Call(.post, "echo", label: "echo", body: .upTo(10), form: PlainText()) { request in
                    Response(status: .ok, body: try await request.bytes())
                },
            ]
        ) { server in
            let begun = try (0..<2).map { _ in try TestSocket(server.port) }
            for caller in begun {
                try await caller.send("POST /echo HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\n\r\nhel")
            }
            let third = Task { try await RawConnection.open(server.port) { try await ask($0) } }
            #expect(await server.reached(.connections))
            #expect(server.openConnections == 2)
            for caller in begun {
                try await caller.send("lo")
                #expect(await caller.receive(until: "hello").hasPrefix("HTTP/1.1 200 "), "those who are in are served")
            }
            #expect(try await third.value)
        }
    }

    @Test("Idle connections keep nobody out, and the log tells that there were too many")
    func idle() async throws {
        var settings = LimitSettings()
        settings.connections = 3
        try await SmallServer.run(
            settings,
            calls: [Self.probe]
        ) { server in
            var callers: [TestSocket] = []
            for _ in 0..<6 {
                let caller = try TestSocket(server.port)
                #expect(try await ask(caller))
                callers.append(caller)
            }
            #expect(server.limits.counters[.connections] >= 3)
        }
    }

    @Test("A head that does not end is cut, whether nothing of it came or some; others are served meanwhile")
    func slowHead() async throws {
        var settings = LimitSettings.patient
        settings.headerTimeout = 2
        try await SmallServer.run(
            settings,
            calls: [Self.probe]
        ) { server in
            // On a busy machine its own first head may be late.
            var other = try RawConnection(server.port)
            for _ in 0..<100 where (try? await ask(other)) != true { other = try RawConnection(server.port) }
            for beginning in ["", "GET /kbs/v0 HTTP/1.1\r\nHost: x\r\nX-Slow: "] {
                try await RawConnection.open(server.port) { slow in
                    if !beginning.isEmpty { try? await slow.send(beginning) }
                    #expect(await slow.receive() == nil)
                }
                #expect(try await ask(other), "silence between requests is no crime")
            }
            // Also on a connection that has been served before.
            try await other.send("GET /kbs")
            #expect(await other.receive() == nil)
            #expect(server.limits.counters[.headerTimeout] >= 3)
        }
    }

    @Test("A body that does not end is cut; others are served meanwhile")
    func slowBody() async throws {
        try await RunningServer.run({ $0.limits.bodyTimeout = 1 }) { server in
            try await RawConnection.open(server.port) { slow in
                try await slow.send("POST /kbs/v0/attest HTTP/1.1\r\nHost: x\r\nContent-Length: 100\r\n\r\n{")
                #expect(try await RawConnection.open(server.port) { try await ask($0) })
                // Sends on and on, so that it is never silent.
                let trickle = slow.trickle(" ")
                #expect(await slow.receive() == nil)
                trickle.cancel()
                _ = await trickle.result
            }
        }
    }

    private static let probe = Call(.get, "kbs/v0", label: "probe", form: PlainText()) { _ in
        Response(status: .unauthorized, body: Array("begins.".utf8))
    }

    private static let size = 24 * 1_024 * 1_024
    private static let large = [
        Call(.get, "large", label: "probe", form: PlainText()) { _ in
            Response(status: .ok, body: [UInt8](repeating: 0x78, count: size))
        },
        probe,
    ]
    private static let largeRequest = "GET /large HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"

    @Test("A caller that does not take its reply is cut, and others are served")
    func stuckReader() async throws {
        var settings = LimitSettings.patient
        settings.writeTimeout = 1
        try await SmallServer.run(settings, calls: Self.large) { server in
            try await RawConnection.open(server.port, receiveBuffer: 4_096) { stuck in
                try await stuck.send(Self.largeRequest)
                #expect(try await RawConnection.open(server.port) { try await ask($0) })
                #expect(await server.reached(.writeTimeout))
                #expect(await stuck.receiveAll() < Self.size)
            }
        }
    }

    @Test("A caller that takes its reply slowly is not cut")
    func slowReader() async throws {
        var settings = LimitSettings.patient
        settings.writeTimeout = 10
        try await SmallServer.run(settings, calls: Self.large) { server in
            // A machine that stands still for ten seconds holds up the caller, too.
            for _ in 0..<3 {
                let received = try await RawConnection.open(server.port, receiveBuffer: 262_144) { patient in
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
        var settings = LimitSettings.patient
        (settings.headerTimeout, settings.bodyTimeout, settings.writeTimeout) = (10, 10, 10)
        try await SmallServer.run(
            settings,
            calls: [
                Call(.post, "slow", label: "probe", body: .upTo(100), form: PlainText()) { request in
                    let body = try await request.bytes()
                    try await Task.sleep(for: .seconds(12))
                    return Response(status: .ok, body: body)
                }
            ]
        ) { server in
            try await RawConnection.open(server.port) { caller in
                // The second begins while the first is waited for, and is complete only after that.
                let head = "POST /slow HTTP/1.1\r\nHost: x\r\nContent-Length: 3\r\n"
                try await caller.send("\(head)\r\none")
                try await Task.sleep(for: .milliseconds(200))
                try await caller.send(head)
                #expect(await caller.receive(until: "one").hasPrefix("HTTP/1.1 200 "))
                try await caller.send("\r\ntwo")
                #expect(await caller.receive(until: "two").hasPrefix("HTTP/1.1 200 "))
            }
            #expect(server.limits.counters.all.isEmpty)
        }
    }

    private static let many = 10_000
    private static let isAlone = ProcessInfo.processInfo.environment["KBS_MANY_CONNECTIONS"] == "1"
    private static let openFiles = FileDescriptorLimit.raise() ?? 0

    @Test(
        "Ten thousand connections are open at once, each is served, and a guest boots among them",
        .enabled(if: isAlone, "KBS_MANY_CONNECTIONS is not 1: beside it, tests that look at the clock would fail"),
        .enabled(if: openFiles > many + 2_000, "ulimit -Hn is too low for ten thousand sockets"))
    func tenThousand() async throws {
        let folder = try TemporaryFolder()
        // A soft limit as most systems set it, which the server raises.
        let server = try await ServerProcess.start(
            folder, softOpenFiles: 1_024, "--set", "http.idle_timeout=1h", "--set",
            "limits.connections_per_address=10100", "--set", "limits.requests_per_second=0")
        let transport = GuestTransport(base: server.base, client: .shared)
        try await transport.register(
            "app", measurement: Hex.encode(Simulated.measurement("app")), configuration: "", secret: "s")
        let port = server.port
        var callers: [TestSocket] = []
        for _ in 0..<(Self.many / 100) {
            callers += try await withThrowingTaskGroup(of: TestSocket.self) { tasks in
                for _ in 0..<100 {
                    tasks.addTask {
                        let caller = try TestSocket(port)
                        // A connection on which nothing is asked is cut.
                        #expect(try await ask(caller))
                        return caller
                    }
                }
                return try await tasks.reduce(into: []) { $0.append($1) }
            }
        }
        #expect(callers.count == Self.many)
        for round in 1...2 {
            var served = 0
            for batch in stride(from: 0, to: callers.count, by: 200) {
                let asked = callers[batch..<batch + 200]
                for caller in asked { try await caller.send(Self.question) }
                for caller in asked where await caller.receive(until: "begins.").hasPrefix("HTTP/1.1 401 ") {
                    served += 1
                }
            }
            #expect(served == Self.many, "round \(round)")
            #expect(try await Simulated.guest("app").boot(over: transport) == Array("s".utf8))
        }
        for caller in callers { caller.reset() }
    }
}
