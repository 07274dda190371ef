import Administration
import BrokerSupport
import Concurrency
import EdgeSupport
import Endorsements
import Evidence
import EvidenceSupport
import Foundation
import HTTP
import Installation
import Metrics
import SimulatedHardware
import TestSupport
import Testing

@testable import Server

@Suite("Metrics of a running server")
struct ServerMetricsTests {
    @Test(
        "A path counts as what it is about, and one that leads nowhere as one of all others",
        arguments: [
            ("/kbs/v0/auth", "challenge"), ("//kbs/v0/auth", "challenge"), ("/kbs/v0/attest", "attest"),
            ("/kbs/v0/key/a/b/c", "release"), ("/kbs/v0", "probe"), ("/kbs/v0/register_workload", "register"),
            ("/api/v1/workloads/secret-name", "workloads"), ("/api/v1/reference-values/x", "reference_values"),
            ("/api/v1/new-thing", "other"), ("/metrics", "metrics"), ("/metrics/x", "other"), ("/livez", "live"),
            ("/readyz", "ready"), ("/", "other"), ("/kbs/v1/auth", "other"), ("/wp-login.php", "other"),
            ("/kbs", "other"),
        ])
    func endpoints(path: String, name: String) async throws {
        try await RunningServer.run { server in
            _ = try await server.call("PUT", path)
            let counted = try await server.send("GET", "/metrics").body.split(separator: "\n").filter {
                $0.hasPrefix("kbs_http_requests_total{") && $0.contains(#"method="PUT""#) && !$0.hasSuffix(" 0")
            }
            #expect(counted.count == 1 && counted.first?.contains("endpoint=\"\(name)\"") == true, "\(counted)")
        }
    }

    /// The value of a series, by its whole name with labels.
    private func value(_ series: String, on server: RunningServer) async throws -> Double? {
        let page = try await server.send("GET", "/metrics")
        #expect(page.status == 200)
        #expect(page.headers.first(name: "Content-Type") == "text/plain; version=0.0.4; charset=utf-8")
        return page.body.split(separator: "\n").first { $0.hasPrefix("\(series) ") }
            .flatMap { Double($0.dropFirst(series.count + 1)) }
    }

    @Test("A boot is counted at each of its steps")
    func boot() async throws {
        try await RunningServer.run { server in
            try await server.register("app")
            _ = try await Simulated.guest("app").boot(over: server.transport)
            for (series, expected) in [
                (#"kbs_handshakes_total{tee="snp",outcome="challenged"}"#, 1),
                (#"kbs_handshakes_total{tee="snp",outcome="attested"}"#, 1),
                (#"kbs_handshakes_total{tee="snp",outcome="refused"}"#, 0),
                (#"kbs_handshakes_total{tee="any",outcome="released"}"#, 1),
                (#"kbs_workload_changes_total{change="registered"}"#, 1),
                (#"kbs_endorsement_lookups_total{outcome="at_hand"}"#, 1), ("kbs_sessions", 1), ("kbs_workloads", 1),
                (#"kbs_http_requests_total{endpoint="challenge",method="POST",status="2xx"}"#, 1),
                (#"kbs_http_requests_total{endpoint="attest",method="POST",status="2xx"}"#, 1),
                (#"kbs_http_requests_total{endpoint="release",method="GET",status="2xx"}"#, 1),
                (#"kbs_http_request_duration_seconds_count{endpoint="attest"}"#, 1),
                // The one that reads this.
                ("kbs_http_requests_in_flight", 1), ("kbs_write_queue_depth", 0),
                ("kbs_write_commit_failures_total", 0), (#"kbs_readiness_check{check="database"}"#, 1),
            ] as [(String, Double)] {
                // Gauges are of a moment, and a count that takes long on a busy machine is one that came before.
                try await eventually("\(series) is \(expected)") { try await value(series, on: server) == expected }
            }
            // A second boot finds the certificate where the first one left it.
            _ = try await Simulated.guest("app").boot(over: server.transport)
            #expect(try await value(#"kbs_endorsement_lookups_total{outcome="memory"}"#, on: server) == 1)
            try await eventually("two sessions") { try await value("kbs_sessions", on: server) == 2 }
            #expect(try await #require(value("kbs_connections_open", on: server)) >= 1)
            #expect(try await #require(value("kbs_write_commit_duration_seconds_count", on: server)) >= 3)
            #expect(try await #require(value("kbs_process_resident_memory_bytes", on: server)) > 1_000_000)
            #expect(try await #require(value("kbs_process_open_fds", on: server)) > 3)
            let started = try await #require(value("kbs_process_start_time_seconds", on: server))
            #expect(abs(started - Date().timeIntervalSince1970) < 86_400)
        }
    }

    @Test("Refused evidence is counted by its code and by each check that failed")
    func refusal() async throws {
        try await RunningServer.run { server in
            try await server.register("app")
            var changed = try Simulated.guest("app")
            changed.template.measurement = Simulated.measurement("another")
            await #expect(throws: GuestTransport.Refused.self) { try await changed.boot(over: server.transport) }
            #expect(try await value(#"kbs_handshakes_total{tee="snp",outcome="refused"}"#, on: server) == 1)
            #expect(try await value(#"kbs_refusals_total{code="evidence_refused"}"#, on: server) == 1)
            #expect(try await value(#"kbs_refused_checks_total{check="snp.measurement"}"#, on: server) == 1)
            #expect(try await value(#"kbs_refused_checks_total{check="snp.policy"}"#, on: server) == 0)
            #expect(
                try await value(
                    #"kbs_http_requests_total{endpoint="attest",method="POST",status="4xx"}"#, on: server) == 1)
        }
    }

    @Test("Requests that no part of the broker sees are counted, under names that do not grow")
    func strangers() async throws {
        try await RunningServer.run { server in
            for path in ["/a", "/b/c", "/kbs/v0/made-up"] { _ = try await server.send("GET", path) }
            #expect(try await server.sendRaw("PROPFIND", "/files", fields: []).status == 501)
            #expect(
                try await value(#"kbs_http_requests_total{endpoint="other",method="GET",status="4xx"}"#, on: server)
                    == 3)
            #expect(try await value(#"kbs_http_malformed_total{part="method"}"#, on: server) == 1)
            _ = try await server.post("/kbs/v0/auth", "{}")
            #expect(try await value(#"kbs_refusals_total{code="malformed"}"#, on: server) == 1)
        }
    }

    @Test("A guest that asks first, and attests when it is told to, is no refusal; one with a stale cookie is")
    func askedFirst() async throws {
        try await RunningServer.run { server in
            let path = "/kbs/v0/resource/default/key/1"
            #expect(try await server.send("GET", path).status == 401)
            #expect(try await value(#"kbs_refusals_total{code="session_invalid"}"#, on: server) == 0)
            let first = #"kbs_guest_handshakes_total{tee="any",outcome="asked_first"}"#
            #expect(try await value(first, on: server) == 1)
            _ = try await server.sendRaw("GET", path, fields: [("Cookie", "kbs-session-id=stale")])
            #expect(try await value(#"kbs_refusals_total{code="session_invalid"}"#, on: server) == 1)
            #expect(try await value(first, on: server) == 1)
        }
    }

    @Test("A connection counts until it is closed")
    func connections() async throws {
        try await RunningServer.run { server in
            let own = try await #require(value("kbs_connections_open", on: server))
            let connection = try TestSocket(server.port)
            func reaches(_ count: Double) async throws {
                try await eventually("\(count) are open") {
                    try await value("kbs_connections_open", on: server) == count
                }
            }
            try await reaches(own + 1)
            connection.reset()
            try await reaches(own)
        }
    }

    @Test("What the vendor answered is counted, and how long it took")
    func vendor() async throws {
        let (snp, vcek) = (try Simulated.snp, try Simulated.vcek.certificate)
        let answer: StandInService.Answer = { path, _ in
            path.contains("cert_chain")
                ? StandInService.bytes(Array((snp.ask.pem + snp.ark.pem).utf8)) : StandInService.bytes(vcek.der)
        }
        try await StandInService.run(answering: answer) { _, base in
            try await RunningServer.run { settings in
                settings.keyDistribution = .init()
                settings.keyDistribution?.baseURL = base
            } _: { server in
                try await server.register("app")
                var guest = try Simulated.guest("app")
                guest.certificates = []
                _ = try await guest.boot(over: server.transport)
                #expect(try await value(#"kbs_endorsement_lookups_total{outcome="missed"}"#, on: server) == 1)
                #expect(try await value(#"kbs_kds_requests_total{outcome="fetched"}"#, on: server) == 2)
                #expect(try await value("kbs_kds_request_duration_seconds_count", on: server) == 2)
            }
        }
    }

    @Test("No name of a workload, chip or session is on the page")
    func secrecy() async throws {
        try await RunningServer.run { server in
            try await server.register("a-telling-name")
            let guest = try Simulated.guest("a-telling-name")
            let challenge = try await guest.challenge(over: server.transport)
            try await guest.attest(challenge, over: server.transport)
            _ = try await server.send("GET", "/kbs/v0/key/a-telling-name")
            let page = try await server.send("GET", "/metrics").body
            #expect(!page.contains("telling"))
            #expect(!page.contains("127.0.0.1"))
        }
    }

    @Test("Whoever is in none of the networks is refused, and so is whoever a proxy stands before")
    func networks() async throws {
        try await RunningServer.run {
            $0.metricsNetworks = try NetworkList("192.0.2.0/24")
        } _: { server in
            let reply = try await server.send("GET", "/metrics")
            #expect(reply.status == 403)
            #expect(!reply.body.contains("kbs_"))
        }
        try await RunningServer.run { server in
            let direct = try await server.send("GET", "/metrics")
            #expect(direct.status == 200)
            for mark in ["X-Forwarded-For", "Forwarded", "Via"] {
                #expect(try await server.send("GET", "/metrics", headers: [(mark, "x")]).status == 403)
            }
            #expect(try await server.send("POST", "/metrics").status == 405)
        }
    }

    @Test("Every metric that the dashboard and the alerts use is exported")
    func dashboard() async throws {
        let root = Project.root.appending(path: "packaging")
        let files = [
            root.appending(path: "grafana/kbs-dashboard.json"), root.appending(path: "prometheus/kbs-alerts.yml"),
        ]
        let exported = Set(
            MetricDefinition.all.flatMap { definition in
                definition.kind == .histogram
                    ? ["_bucket", "_sum", "_count"].map { definition.name + $0 } : [definition.name]
            })
        for file in files {
            let text = try String(contentsOf: file, encoding: .utf8)
            let used = Set(text.matches(of: /\bkbs_[a-z_]+/).map { String($0.output) })
            // The alerts' prose names a histogram as a whole.
            let unknown = used.subtracting(exported).subtracting(MetricDefinition.all.map(\.name))
            #expect(used.count > 5)
            #expect(unknown == [], "\(file.lastPathComponent)")
        }
        let dashboard = try JSONSerialization.jsonObject(with: Data(contentsOf: files[0])) as? [String: Any]
        #expect((dashboard?["panels"] as? [Any])?.count ?? 0 > 20)
    }

    @Test("Every metric is in the operator's manual")
    func manual() throws {
        let file = Project.root.appending(path: "docs/monitoring.md")
        let text = try String(contentsOf: file, encoding: .utf8)
        for definition in MetricDefinition.all { #expect(text.contains("`\(definition.name)`"), "\(definition.name)") }
    }
}

@Suite("Counts that go through a whole table")
struct CostlyCountTests {
    private struct Unreadable: Error {}

    /// A clock that a test sets.
    private final class TestClock: Sendable {
        private let time = Lock(ContinuousClock.now)
        var now: ContinuousClock.Instant { time.withLock { $0 } }
        func advance(by duration: Duration) { time.withLock { $0 += duration } }
    }

    private let clock = TestClock()
    private let count = CostlyCount(patience: .seconds(600))

    /// Has a count asked for that takes this long.
    private func ask(_ result: Int?, taking duration: Duration) async -> Int? {
        await count.value(now: { [clock] in clock.now }) { [clock] in
            clock.advance(by: duration)
            guard let result else { throw Unreadable() }
            return result
        }
    }

    @Test("A quick one is taken each time")
    func quick() async {
        #expect(await ask(1, taking: .milliseconds(200)) == 1)
        #expect(await ask(2, taking: .milliseconds(200)) == 2)
    }

    @Test("A slow one is kept for a hundred times as long as it took, a minute at most, and then taken again")
    func slow() async {
        #expect(await ask(1, taking: .milliseconds(300)) == 1)
        clock.advance(by: .seconds(29))
        #expect(await ask(2, taking: .seconds(2)) == 1)
        clock.advance(by: .seconds(1))
        #expect(await ask(3, taking: .seconds(2)) == 3)
        clock.advance(by: .seconds(59))
        #expect(await ask(4, taking: .seconds(2)) == 3)
        clock.advance(by: .seconds(1))
        #expect(await ask(5, taking: .seconds(2)) == 5)
    }

    @Test("Nobody waits for one that does not end")
    func endless() async throws {
        let count = CostlyCount(patience: .milliseconds(10))
        // Ten milliseconds may be too few for this one, too.
        try await eventually("it is counted") {
            await count.value(now: { [clock] in clock.now }, counting: { 1 }) == 1
        }
        let (gate, open) = AsyncStream.makeStream(of: Void.self)
        #expect(
            await count.value {
                _ = await gate.first { _ in true }
                return 2
            } == 1)
        open.yield()
    }

    @Test("One that fails leaves the last that there was")
    func failed() async {
        #expect(await ask(nil, taking: .zero) == nil)
        #expect(await ask(1, taking: .zero) == 1)
        #expect(await ask(nil, taking: .zero) == 1)
    }

    @Test("One that fails slowly is not tried again at once")
    func failedSlowly() async {
        #expect(await ask(nil, taking: .seconds(60)) == nil)
        clock.advance(by: .seconds(4))
        #expect(await ask(1, taking: .zero) == nil)
        clock.advance(by: .seconds(1))
        #expect(await ask(1, taking: .zero) == 1)
    }

    @Test("While one is under way, nobody else begins another")
    func underWay() async {
        let inner = await count.value { [self] in await ask(5, taking: .zero) ?? 7 }
        #expect(inner == 7)
    }
}
