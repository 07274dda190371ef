import Administration
import Broker
import BrokerSupport
import Concurrency
import EdgeSupport
import Endorsements
import Evidence
import EvidenceSupport
import Foundation
import HTTP
import HTTPEdge
import HTTPServer
@testable import Installation
import Logging
import SimulatedHardware
import TestSupport
import Testing

@testable import Server

@Suite("The rate of requests")
struct RateLimiterTests {
    private func caller(_ address: String) throws -> IPAddress { try #require(IPAddress(address)) }

    @Test("An address may make its burst at once, and one more is told how long to wait")
    func burst() throws {
        let (limiter, now) = (RateLimiter(perSecond: 4, burst: 8), ContinuousClock.now)
        let caller = try caller("192.0.2.1")
        for _ in 0..<8 { #expect(limiter.take(caller, at: now) == nil) }
        #expect(limiter.take(caller, at: now) == .milliseconds(250))
        #expect(limiter.take(caller, at: now) == .milliseconds(250), "being refused costs nothing")
    }

    @Test("A bucket fills at its rate, and never over its burst")
    func recovery() throws {
        let (limiter, start) = (RateLimiter(perSecond: 4, burst: 8), ContinuousClock.now)
        let caller = try caller("192.0.2.1")
        for _ in 0..<8 { _ = limiter.take(caller, at: start) }
        #expect(limiter.take(caller, at: start + .milliseconds(249)) != nil)
        #expect(limiter.take(caller, at: start + .milliseconds(250)) == nil)
        #expect(limiter.take(caller, at: start + .milliseconds(250)) != nil)
        let later = start + .seconds(3_600)
        for _ in 0..<8 { #expect(limiter.take(caller, at: later) == nil) }
        #expect(limiter.take(caller, at: later) != nil)
    }

    @Test("What costs more counts for more, and one request is never too much for a full bucket")
    func costly() {
        let limiter = RateLimiter(perSecond: 10, burst: 20)
        let (now, address) = (ContinuousClock.now, IPAddress.loopbackV4)
        #expect(limiter.take(address, 15, at: now) == nil && limiter.take(address, 6, at: now) != nil)
        #expect(limiter.take(address, 5, at: now) == nil && limiter.take(address, at: now) != nil)
        #expect(limiter.take(address, 1_000, at: now.advanced(by: .seconds(2))) == nil)
    }

    @Test("Addresses do not pay for each other, but for those of an IPv6 network of 64 bits")
    func addresses() throws {
        let (limiter, now) = (RateLimiter(perSecond: 1, burst: 1), ContinuousClock.now)
        for first in ["192.0.2.1", "192.0.2.2", "2001:db8:0:1::1", "2001:db8:0:2::1", "::ffff:192.0.2.3"] {
            #expect(try limiter.take(caller(first), at: now) == nil, "\(first)")
        }
        for again in ["192.0.2.1", "::ffff:192.0.2.1", "2001:db8:0:1:ffff::2", "192.0.2.3"] {
            #expect(try limiter.take(caller(again), at: now) != nil, "\(again)")
        }
    }

    @Test("A flood of addresses is forgotten, and memory stays bounded")
    func flood() throws {
        let cache = BoundedCache<Int, Int>(capacity: 100)
        for key in 0..<100_000 { cache.update(key, default: 0) { $0 += 1 } }
        #expect(cache.count <= 200)
        for key in 99_900..<100_000 { #expect(cache[key] == 1) }
        #expect(cache[0] == nil)
    }

    @Test("Over a socket the request over the burst gets 429, what to do and when; health never does")
    func overSocket() async throws {
        try await RunningServer.run({
            $0.limits.requestsPerSecond = 1
            $0.limits.burst = 3
        }) { server in
            /// A slow machine's bucket fills meanwhile, so that it may take a few more.
            func refusal(_ path: String) async throws -> (RunningServer.Reply?, served: Int) {
                for served in 0..<100 {
                    let reply = try await server.send("GET", path)
                    if reply.status == 429 { return (reply, served) }
                }
                return (nil, 100)
            }
            let (refused, served) = try await refusal("/kbs/v0")
            #expect(served >= 3)
            #expect(refused?.code == "rate_limited" && refused?.headers.first(name: "Retry-After") == "1")
            #expect(try await refusal("/nothing/here").0 != nil, "unknown paths count too")
            for _ in 0..<20 {
                for path in ["/livez", "/readyz"] {
                    let reply = try await server.send("GET", path)
                    #expect(reply.status != 429)
                }
            }
        }
    }

    @Test("Without a rate there is no limit")
    func unlimited() async throws {
        try await RunningServer.run({
            $0.limits.requestsPerSecond = 0
            $0.limits.burst = 1
        }) { server in
            for _ in 0..<5 {
                let reply = try await server.send("GET", "/kbs/v0")
                #expect(reply.status == 401)
            }
        }
    }
}

@Suite("Shedding load")
struct SheddingTests {
    private static let evidence = BodyRule.evidence { _ in 200_000 }

    @Test("Of requests over the limit each gets 503 at once, and those within it succeed")
    func excess() async throws {
        var settings = LimitSettings.patient
        settings.waitingAttestations = 3
        let (gate, open) = AsyncStream.makeStream(of: Void.self)
        let waiting = Lock(0)
        try await SmallServer.run(
            settings,
            calls: [
                Call(.post, "kbs/v0/attest", label: "attest", body: Self.evidence, form: PlainText()) { request in
                    let body = try await request.bytes()
                    waiting.withLock { $0 += 1 }
                    for await _ in gate {}
                    return Response(status: .ok, body: body)
                },
                Call(.post, "kbs/v0/auth", label: "challenge", form: PlainText()) { _ in Response(status: .ok) },
            ]
        ) { server in
            try await withThrowingTaskGroup(of: String.self) { group in
                for number in 0..<3 { group.addTask { try await Self.post(server.port, "attest", "body \(number)") } }
                while waiting.withLock({ $0 }) < 3 { try await Task.sleep(for: .milliseconds(5)) }
                for path in ["attest", "//kbs/v0/attest", "attest", "//kbs/v0/attest"] {
                    let refused = try await Self.post(server.port, path, "x")
                    #expect(refused.hasPrefix("HTTP/1.1 503 "), "\(path)")
                    #expect(refused.contains("Retry-After: 2\r\n") && refused.contains("overloaded: "))
                }
                #expect(try await Self.post(server.port, "auth", "x").hasPrefix("HTTP/1.1 200 "), "only evidence waits")
                open.finish()
                var replies: [String] = []
                for try await reply in group { replies.append(reply) }
                #expect(replies.allSatisfy { $0.hasPrefix("HTTP/1.1 200 ") })
                #expect(Set(replies.map { $0.suffix(6) }) == ["body 0", "body 1", "body 2"], "the body is handed on")
            }
            #expect(server.limits.counters[.overload] == 4)
            #expect(try await Self.post(server.port, "attest", "later").hasPrefix("HTTP/1.1 200 "), "and it recovers")
        }
    }

    @Test("Bodies that together take too much memory get 503, and their memory is given back")
    func bodies() async throws {
        var settings = LimitSettings.patient
        settings.bodies = 250_000
        try await SmallServer.run(
            settings,
            calls: [
                Call(.post, "kbs/v0/attest", label: "attest", body: Self.evidence, form: PlainText()) { request in
                    let body = try await request.bytes()
                    return Response(status: .ok, body: Array("\(body.count)".utf8))
                }
            ]
        ) { server in
            let half = String(repeating: "x", count: 100_000)
            let heads = ["Content-Length: 200000\r\n\r\n", "Transfer-Encoding: chunked\r\n\r\n186a0\r\n"].map {
                "POST /kbs/v0/attest HTTP/1.1\r\nHost: x\r\n\($0)"
            }
            func reached(_ bytes: Int) async throws {
                while server.bodiesInMemory != bytes { try await Task.sleep(for: .milliseconds(2)) }
            }
            try await RawConnection.open(server.port) { first in
                try await first.send(heads[0] + half)
                try await reached(100_000)
                try await RawConnection.open(server.port) { second in
                    try await second.send(heads[1] + half)
                    try await reached(200_000)
                    for head in heads {
                        let refused = try await RawConnection.open(server.port) { third in
                            try await third.send(head + half)
                            return await third.receive(until: "overloaded: ")
                        }
                        #expect(refused.hasPrefix("HTTP/1.1 503 ") && refused.contains("Retry-After: 2\r\n"))
                    }
                    #expect(try await Self.post(server.port, "attest", "short").hasPrefix("HTTP/1.1 200 "))
                }
                // The second hung up.
                try await reached(100_000)
                try await first.send(half)
                #expect(await first.receive(until: "200000").hasPrefix("HTTP/1.1 200 "))
            }
            try await reached(0)
            #expect(server.limits.counters[.bodies] == 2)
        }
    }

    @Test("Whoever sends evidence slowly takes nobody's place")
    func slowSender() async throws {
        var settings = LimitSettings.patient
        settings.waitingAttestations = 1
        try await SmallServer.run(
            settings,
            calls: [
                Call(.post, "kbs/v0/attest", label: "attest", body: Self.evidence, form: PlainText()) { request in
                    _ = try await request.bytes()
                    return Response(status: .ok)
                }
            ]
        ) { server in
            try await RawConnection.open(server.port) { slow in
                // Its connection has been served before, so that the server is sure to have seen the request's head.
                try await slow.send("GET /nothing HTTP/1.1\r\nHost: x\r\n\r\n")
                #expect(await slow.receive(until: "/kbs/v0.").hasPrefix("HTTP/1.1 404 "))
                try await slow.send("POST /kbs/v0/attest HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\n\r\nab")
                try await Task.sleep(for: .milliseconds(200))
                // Were it counted, this would be one too many.
                #expect(try await Self.post(server.port, "attest", "x").hasPrefix("HTTP/1.1 200 "))
                try await slow.send("cde")
                #expect(await slow.receive(until: "\r\n\r\n").hasPrefix("HTTP/1.1 200 "))
            }
        }
    }

    @Test("An exception gives the place back")
    func exceptions() async throws {
        struct Failure: Error {}
        let room = AttestationSlots(capacity: 1)
        for _ in 0..<3 {
            await #expect(throws: Failure.self) { try await room.admit { throw Failure() } }
        }
        #expect(room.occupancy == 0)
        let inside = await room.admit { await room.admit { 1 } }
        #expect(inside == .some(nil), "one is in, and a second is not")
        #expect(room.occupancy == 0)
    }

    private static func post(_ port: Int, _ path: String, _ body: String) async throws -> String {
        try await RawConnection.open(port) { connection in
            try await connection.send(
                "POST \(path.hasPrefix("/") ? path : "/kbs/v0/\(path)") HTTP/1.1\r\nHost: x\r\nConnection: close\r\nContent-Length: \(body.utf8.count)\r\n\r\n\(body)"
            )
            var all = ""
            while let next = await connection.receive() { all += next }
            return all
        }
    }

    @Test("A guest over the limit gets 503 while another's certificate is fetched, which then gets its secret")
    func guests() async throws {
        let (snp, vcek) = (try Simulated.snp, try Simulated.vcek.certificate)
        let (gate, open) = AsyncStream.makeStream(of: Void.self)
        let answer: StandInService.Answer = { path, _ in
            for await _ in gate {}
            return path.contains("cert_chain")
                ? StandInService.bytes(Array((snp.ask.pem + snp.ark.pem).utf8)) : StandInService.bytes(vcek.der)
        }
        try await StandInService.run(answering: answer) { standIn, base in
            try await RunningServer.run({
                $0.limits.waitingAttestations = 1
                $0.keyDistribution = .init()
                $0.keyDistribution?.baseURL = base
                $0.keyDistribution?.requestTimeout = .seconds(600)
                $0.keyDistribution?.deadline = .seconds(600)
            }) { server in
                try await server.register("app", secret: "open sesame")
                var guest = try Simulated.guest("app")
                guest.certificates = []
                let bare = guest
                let transport = server.transport
                async let secret = bare.boot(over: transport)
                while standIn.asked.isEmpty { try await Task.sleep(for: .milliseconds(5)) }
                let challenge = try await guest.challenge(over: transport)
                let refused = try await transport.send(
                    .post, "/attest", try guest.evidence(for: challenge.nonce), cookie: challenge.cookie)
                #expect(refused.status == 503 && refused.text.hasPrefix("overloaded: "))
                open.finish()
                #expect(try await secret == Array("open sesame".utf8))
                // The refused challenge was not used up.
                try await guest.attest(challenge, over: transport)
            }
        }
    }
}

@Suite("The size of bodies")
struct BodyLimitTests {
    @Test("Long bodies share half of what bodies may take, one address half of that, and the longest always fits")
    func longBodies() {
        func configuration(_ change: (inout LimitSettings) -> Void) -> ServerConfiguration {
            var settings = LimitSettings()
            change(&settings)
            return ServerLimits(settings, logger: Logger(label: "test") { _ in NoOpLogHandler() })
                .configuration(idleTimeout: 1)
        }
        let usual = configuration { ($0.body, $0.bodies) = (5_000, 64 << 20) }
        #expect(usual.longBody == 5_000 && usual.longBodies == 32 << 20 && usual.longBodiesPerSender == 16 << 20)
        let small = configuration { ($0.bodies, $0.resource) = (16 << 20, 9 << 20) }
        #expect(small.longBodies == 9 << 20 && small.longBodiesPerSender == 9 << 20)
    }

    @Test("Announcements of long evidence keep nobody's from being read")
    func announcements() async throws {
        // One address may have four of the longest at a time.
        try await RunningServer.run({ ($0.limits.bodies, $0.limits.evidence) = (16 << 20, 1 << 20) }) { server in
            let guest = try server.components()
            let challenge = try await guest.challenge()
            func head(_ length: Int) -> String {
                "POST /kbs/v0/attest HTTP/1.1\r\nHost: x\r\nCookie: kbs-session-id=\(challenge.cookie)\r\n"
                    + "Expect: 100-continue\r\nContent-Length: \(length)\r\n\r\n"
            }
            var announced: [TestSocket] = []
            for _ in 0..<10 {
                let socket = try TestSocket(server.port)
                try await socket.send(head(1 << 20))
                // The server waits for the body.
                #expect(await socket.receive(until: "\r\n\r\n") == "HTTP/1.1 100 Continue\r\n\r\n")
                announced.append(socket)
            }
            let evidence = try guest.evidence(for: challenge)
            let padding = String(repeating: " ", count: 300_000)
            let socket = try TestSocket(server.port)
            try await socket.send(head(evidence.count + padding.utf8.count))
            #expect(await socket.receive(until: "\r\n\r\n").contains("100 Continue"))
            try await socket.send(padding + String(decoding: evidence, as: UTF8.self))
            let reply = await socket.receive(until: "}")
            #expect(reply.hasPrefix("HTTP/1.1 200 ") && reply.contains("\"token\""), "\(reply)")
            withExtendedLifetime(announced) {}
        }
    }

    @Test("A body as long as allowed is read, and one byte more is refused, whether its length is told or not")
    func sizes() async throws {
        try await RunningServer.run({ $0.limits.body = 4_096 }) { server in
            func send(_ count: Int, chunked: Bool) async throws -> String {
                try await RawConnection.open(server.port) { connection in
                    let body = String(repeating: " ", count: count)
                    let framing =
                        chunked
                        ? "Transfer-Encoding: chunked\r\n\r\n\(String(count, radix: 16))\r\n\(body)\r\n0\r\n\r\n"
                        : "Content-Length: \(count)\r\n\r\n\(body)"
                    try await connection.send("POST /kbs/v0/attest HTTP/1.1\r\nHost: x\r\n\(framing)")
                    return await connection.receive(until: "\r\n\r\n")
                }
            }
            for chunked in [false, true] {
                for (size, status) in [(4_096, 400), (4_097, 413)] {
                    let reply = try await send(size, chunked: chunked)
                    #expect(reply.hasPrefix("HTTP/1.1 \(status) "), "\(size), chunked: \(chunked)")
                }
            }
        }
    }
}
