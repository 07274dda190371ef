import Concurrency
import EdgeSupport
import Foundation
import HTTP
import HTTPServer
import TestSupport
import Testing

@Suite("Behind HAProxy, which ends HTTP and shares its connections among clients")
struct BalancerTests {
    @Test("What has two readings is answered once, with an error, and the connection ends", arguments: Smuggling.all)
    func straight(attack: Smuggling) async throws {
        let seen = SeenRequests()
        try await TestServer.run(handler: seen.answer) { server in
            let answer = try await server.connect { socket in
                // Whoever is refused in the middle is not read any further.
                try? await socket.send(attack.bytes)
                socket.finishSending()
                return await socket.receiveRest()
            }
            let statuses = answer.matches(of: #/HTTP/1\.1 (\d{3}) /#).compactMap { Int($0.1) }
            #expect(!seen.paths.contains("/hidden"))
            guard attack.isAmbiguous else { return }
            #expect(statuses.count == 1 && statuses.allSatisfy { $0 >= 400 }, "\(attack.name): \(statuses)")
            #expect(answer.contains("\r\nConnection: close\r\n"))
        }
    }

    @Test(
        "The server sees what HAProxy sees, and everyone gets the answer to their own request",
        .enabled(if: Balancer.isInstalled, "haproxy is not installed"), arguments: ["strict", "lenient"])
    func smuggled(frontend: String) async throws {
        try await run { seen, balancer in
            for attack in Smuggling.all {
                let before = seen.count
                let answer = try await Self.exchange(attack.bytes, balancer.socket(frontend))
                // What HAProxy takes for two requests it passes on as two, each with its mark.
                let answered = answer.ranges(of: "HTTP/1.1 200 ").count
                #expect(answered <= seen.count - before, "\(attack.name): \(answer.prefix(300))")
                try await Self.checkVictims(seen, balancer, after: attack.name)
            }
        }
    }

    @Test(
        "Nothing that HTTP/2 may hold becomes another request in HTTP/1.1",
        .enabled(if: Balancer.isInstalled, "haproxy is not installed"))
    func downgraded() async throws {
        try await run { seen, balancer in
            await withThrowingTaskGroup { group in
                for attack in HTTP2Smuggling.all {
                    group.addTask { _ = try await Self.exchange(attack.bytes, balancer.socket("http2")) }
                }
            }
            #expect(seen.paths.count { $0 == "/plain" } == HTTP2Smuggling.plain, "HTTP/2 as such goes through")
            #expect(!seen.paths.contains("/hidden"))
            try await Self.checkVictims(seen, balancer, after: "HTTP/2")
        }
    }

    private func run(_ body: (SeenRequests, Balancer) async throws -> Void) async throws {
        let seen = SeenRequests()
        try await TestServer.run(handler: seen.answer) { server in
            let balancer = try await Balancer(before: server.port)
            try await body(seen, balancer)
        }
        // What HAProxy itself takes for a request behind the first, it has held against its rules: it bears its mark.
        #expect(seen.marks.allSatisfy { $0 != nil }, "a request that HAProxy has not seen")
        #expect(Set(seen.marks).count == seen.count, "two requests that are one to HAProxy")
    }

    private static func exchange(_ bytes: [UInt8], _ path: String) async throws -> String {
        let socket = try TestSocket(path: path)
        try? await socket.send(bytes)
        socket.finishSending()
        return await socket.receiveRest()
    }

    /// Others whose requests may go over the connections that the attack has used.
    private static func checkVictims(_ seen: SeenRequests, _ balancer: Balancer, after attack: String) async throws {
        for number in 0..<2 {
            let path = "/victim/\(seen.count)/\(number)"
            let answer = try await exchange(
                Array("GET \(path) HTTP/1.1\r\nHost: x\r\n\r\n".utf8), balancer.socket("strict"))
            #expect(answer.hasPrefix("HTTP/1.1 200 ") && answer.hasSuffix("<\(path)>"), "\(attack): \(answer)")
        }
    }
}

/// What a server was asked, each with the mark that the balancer has put on it.
private final class SeenRequests: Sendable {
    private let requests = Lock<[(path: String, mark: String?)]>([])

    var paths: [String] { requests.withLock { $0.map(\.path) } }
    var marks: [String?] { requests.withLock { $0.map(\.mark) } }
    var count: Int { requests.withLock { $0.count } }

    @Sendable func answer(_ request: IncomingRequest) async -> OutgoingResponse {
        let marks = request.head.headerFields[values: Self.mark]
        requests.withLock { $0.append((request.head.path, marks.count == 1 ? marks.first : nil)) }
        guard request.head.path != "/unread" else { return OutgoingResponse(status: .notFound, text: "nothing here") }
        do {
            _ = try await request.body.collect(upTo: 1 << 24)
            return OutgoingResponse(status: .ok, text: "<\(request.head.path)>")
        } catch {
            return failure(error)
        }
    }

    private static let mark = HTTPField.Name("x-seen") ?? .host
}

/// HAProxy in front of a port of this machine, listening on Unix sockets.
private final class Balancer: Sendable {
    private static let program = "/usr/sbin/haproxy"
    static let isInstalled = FileManager.default.isExecutableFile(atPath: program)

    private let folder: TemporaryFolder
    private let process: SpawnedProcess

    /// One that ended, or did not listen in time.
    private struct NotStarted: Error { let log: String }

    init(before port: Int) async throws {
        folder = try TemporaryFolder()
        let (settings, log) = (folder.file("haproxy.cfg"), folder.file("log"))
        try Data(Self.settings(folder.url.path, port).utf8).write(to: settings)
        var plan = SpawnedProcess.Plan(URL(filePath: Self.program), ["-db", "-f", settings.path])
        try plan.write(errorsTo: log.path)
        process = try SpawnedProcess(plan)
        for _ in 0..<6_000 where process.isRunning {
            if (try? TestSocket(path: socket("http2"))) != nil { return }
            try await Task.sleep(for: .milliseconds(20))
        }
        throw NotStarted(log: try String(contentsOf: log, encoding: .utf8))
    }

    func socket(_ frontend: String) -> String { folder.file(frontend).path }

    private static func settings(_ folder: String, _ port: Int) -> String {
        """
        global
            maxconn 500
        defaults
            mode http
            timeout connect 300s
            timeout client 300s
            timeout http-request 60s
            timeout http-keep-alive 1s
            timeout server 300s
            http-reuse always
            default_backend kbs
        frontend strict
            bind unix@\(folder)/strict
        frontend lenient
            bind unix@\(folder)/lenient
            option accept-invalid-http-request
        frontend http2
            bind unix@\(folder)/http2 proto h2
        backend kbs
            http-request set-header X-Seen %[uuid]
            server kbs 127.0.0.1:\(port)

        """
    }
}
