import Broker
import BrokerSupport
import Concurrency
import EdgeSupport
import Endorsements
import Evidence
import EvidenceSupport
import Formats
import Foundation
import HTTP
import HTTPClient
import HTTPEdge
import HTTPServer
import InMemoryTracing
@testable import Installation
import Metrics
import SimulatedHardware
import TLS
import TLSSupport
import TestSupport
import Testing
import Tracing

@testable import Server

/// A span as it came to a collector.
private struct ReceivedSpan {
    let name, trace, id: String
    let parent: String?
    let attributes: [String: String]

    /// Waits until a collector has spans of these names: a server that ends has three seconds for the last ones, which
    /// may be too few on a busy machine.
    static func wait(for names: Set<String>, at collector: StandInService) async throws {
        try await eventually("spans come") { try names.isSubset(of: all(of: collector).map(\.name)) }
    }

    /// Those of all requests to a collector.
    static func all(of collector: StandInService) throws -> [ReceivedSpan] {
        try collector.exchanges.flatMap { exchange in
            try JSON(exchange.body).member("resourceSpans").array().flatMap { resource in
                try resource.member("scopeSpans").array().flatMap { try $0.member("spans").array().map(Self.init) }
            }
        }
    }

    private init(_ json: JSON) throws {
        name = try json.member("name").text()
        trace = try json.member("traceId").text()
        id = try json.member("spanId").text()
        parent = json["parentSpanId"]?.asText
        attributes = try json.member("attributes").array().reduce(into: [:]) { all, attribute in
            let value = try attribute.member("value")
            all[try attribute.member("key").text()] = (value["stringValue"] ?? value["intValue"])?.asText
        }
    }
}

@Suite("Spans at a collector")
struct CollectorTests {
    private static let trace = "0af7651916cd43dd8448eb211c80319c"

    /// A boot of a guest that brings no certificates, whose caller traces it.
    private static func boot(_ guest: SimulatedSNPGuest, on server: RunningServer) async throws {
        let challenge = try await guest.challenge(over: server.transport)
        let headers = [
            ("Cookie", "session_id=\(challenge.cookie)"), ("traceparent", "00-\(trace)-b7ad6b7169203331-01"),
        ]
        let attested = try await server.send(
            "POST", "/kbs/v0/attest", try guest.evidence(for: challenge.nonce), headers: headers)
        let released = try await server.send("GET", "/kbs/v0/key/marked-name", headers: headers)
        #expect(attested.status == 200 && released.status == 200)
    }

    @Test("One trace goes from a guest over the server to AMD and to the answer, and holds no secret")
    func boot() async throws {
        let (snp, vcek) = (try Simulated.snp, try Simulated.vcek.certificate)
        let vendorAnswer: StandInService.Answer = { path, _ in
            path.contains("cert_chain")
                ? StandInService.bytes(Array((snp.ask.pem + snp.ark.pem).utf8)) : StandInService.bytes(vcek.der)
        }
        try await StandInService.run(answering: vendorAnswer) { vendor, vendorBase in
            try await StandInService.run { _, _ in
                StandInService.status(200)
            } _: { collector, base in
                try await RunningServer.run {
                    $0.tracing.endpoint = base
                    $0.keyDistribution = .init()
                    $0.keyDistribution?.baseURL = vendorBase
                } _: { server in
                    try await server.register("marked-name", secret: "marked-secret")
                    var guest = try Simulated.guest("marked-name")
                    guest.certificates = []
                    try await Self.boot(guest, on: server)
                    _ = try await server.send(
                        "GET", "/api/v1/workloads/marked-name?marked-query",
                        headers: [("Authorization", "Bearer marked")])
                    let names = ["attest", "release", "workloads"].map { "kbs.http.\($0)" }
                    try await ReceivedSpan.wait(for: Set(names), at: collector)
                    #expect(!server.log.lines.contains { $0.contains("takes no spans") })
                }
                #expect(Set(collector.exchanges.map(\.path)) == ["/v1/traces"])
                #expect(collector.exchanges.allSatisfy { $0.method == "POST" })
                #expect(collector.exchanges.allSatisfy { $0.headers[.contentType] == "application/json" })
                let spans = try ReceivedSpan.all(of: collector)
                func traced(_ name: String) -> [ReceivedSpan] {
                    spans.filter { $0.trace == Self.trace && $0.name == name }
                }
                let attest = try #require(traced("kbs.http.attest").first)
                #expect(attest.parent == "b7ad6b7169203331")
                #expect(attest.attributes["http.route"] == "/kbs/v0/attest")
                #expect(attest.attributes["http.response.status_code"] == "200")
                let appraisal = try #require(traced("kbs.appraisal").first)
                #expect(appraisal.parent == attest.id)
                let fetches = traced("kbs.endorsements.fetch")
                #expect(fetches.count == 2 && fetches.allSatisfy { $0.parent == appraisal.id })
                #expect(traced("kbs.http.release").first?.attributes["http.route"] == "/kbs/v0/key/**")
                // AMD was told whose child its own spans would be.
                let told = vendor.exchanges.compactMap { $0.headers.first(name: "traceparent") }
                #expect(Set(told) == Set(fetches.map { "00-\(Self.trace)-\($0.id)-01" }))
                let sent = collector.exchanges.map { String(decoding: $0.body, as: UTF8.self) }.joined()
                #expect(!sent.contains("marked") && !sent.contains("session_id"))
            }
        }
    }

    @Test("OpenTelemetry's own reader reads what a server sends", .enabled(if: Independent.isThere))
    func reader() async throws {
        try await StandInService.run { _, _ in
            StandInService.status(200)
        } _: { collector, base in
            try await RunningServer.run {
                $0.tracing.endpoint = base
            } _: { server in
                try await server.register("app")
                _ = try await Simulated.guest("app").boot(over: server.transport)
                try await ReceivedSpan.wait(for: ["kbs.http.release"], at: collector)
            }
            let ours = try ReceivedSpan.all(of: collector)
            var names: [String] = []
            for exchange in collector.exchanges {
                let body = String(decoding: exchange.body, as: UTF8.self)
                let read = try await Independent.run("otlp", ["body": body])
                let resources = try #require(read["resourceSpans"] as? [[String: Any]])
                let scopes = resources.flatMap { $0["scopeSpans"] as? [[String: Any]] ?? [] }
                let spans = scopes.flatMap { $0["spans"] as? [[String: Any]] ?? [] }
                names += spans.compactMap { $0["name"] as? String }
                let resource = resources.first?["resource"] as? [String: Any]
                let attributes = resource?["attributes"] as? [[String: Any]] ?? []
                #expect(attributes.first?["key"] as? String == "service.name")
            }
            #expect(names == ours.map(\.name) && names.contains("kbs.http.release"))
        }
    }

    @Test("A trace that its beginner does not want recorded is not, and a header that is none begins a new one")
    func unwanted() async throws {
        try await StandInService.run { _, _ in
            StandInService.status(200)
        } _: { collector, base in
            try await RunningServer.run {
                $0.tracing.endpoint = base
            } _: { server in
                for flags in ["00", "01"] {
                    _ = try await server.send(
                        "GET", "/kbs/v0", headers: [("traceparent", "00-\(Self.trace)-b7ad6b7169203331-\(flags)")])
                }
                // Not one that could be read.
                _ = try await server.send("GET", "/livez", headers: [("traceparent", "00-\(Self.trace)-0-01")])
                try await ReceivedSpan.wait(for: ["kbs.http.live"], at: collector)
            }
            let spans = try ReceivedSpan.all(of: collector)
            #expect(spans.map(\.name) == ["kbs.http.probe", "kbs.http.live"])
            #expect(spans.map { $0.trace == Self.trace } == [true, false])
        }
    }

    @Test("Past the allowance a caller's trace goes on unrecorded, whatever its flags say")
    func flood() throws {
        let registry = PrometheusRegistry(MetricDefinition.all)
        let tracing = RequestTracing(InMemoryTracer(), leftOut: registry.counter(.leftOut))
        let field = try #require(HTTPField.Name("traceparent"))
        let head = HTTPRequest(
            method: .get, scheme: nil, authority: nil, path: "/",
            headerFields: [field: "00-\(Self.trace)-b7ad6b7169203331-01"])
        let request = Request(head: head, body: .collected([]))
        let begun = ContinuousClock.now
        let contexts = (0..<1_000).map { _ in
            var context = ServiceContext.topLevel
            tracing.begin(request, from: IPAddress("192.0.2.1"), in: &context)
            return context.spanContext
        }
        let recorded = contexts.count { $0?.isSampled == true }
        let seconds = Int(begun.duration(to: .now) / .seconds(1))
        #expect((TraceBudget.burst...TraceBudget.burst + (seconds + 1) * TraceBudget.perSecond).contains(recorded))
        #expect(contexts.allSatisfy { $0?.traceID.description == Self.trace })
        #expect(registry.render().contains("kbs_untraced_requests_total \(1_000 - recorded)\n"))
    }

    @Test("The allowance is each address's, and all addresses' together")
    func budget() throws {
        let (budget, now) = (TraceBudget(), ContinuousClock.now)
        func taken(_ address: String, _ count: Int, at time: ContinuousClock.Instant) -> Int {
            (0..<count).count { _ in budget.take(IPAddress(address), at: time) }
        }
        let burst = TraceBudget.burst
        #expect(taken("192.0.2.1", 1_000, at: now) == burst)
        #expect(taken("2001:db8::1", 1_000, at: now) == burst)
        #expect(taken("2001:db8::2", 1_000, at: now) == 0, "of the same network")
        #expect(taken("192.0.2.2", 1_000, at: now) == TraceBudget.allBurst - 2 * burst)
        let later = now.advanced(by: .seconds(1))
        #expect(taken("192.0.2.1", 1_000, at: later) == TraceBudget.perSecond)
    }

    @Test("A collector that is not there costs dropped spans, which are counted, and one line")
    func down() async throws {
        var log: LogRecorder?
        let begun = ContinuousClock.now
        try await RunningServer.run {
            $0.tracing.endpoint = "http://127.0.0.1:1"
        } _: { server in
            log = server.log
            try await server.register("app")
            _ = try await Simulated.guest("app").boot(over: server.transport)
            try await eventually("spans are dropped") {
                try await server.send("GET", "/metrics").body
                    .contains(/kbs_spans_total\{outcome="dropped"\} [1-9]/)
            }
            #expect(try await server.send("GET", "/metrics").body.contains("kbs_spans_total{outcome=\"sent\"} 0\n"))
        }
        let lines = log?.lines.filter { $0.contains("The collector takes no spans") } ?? []
        let minutes = Int(begun.duration(to: .now) / .seconds(60))
        #expect((1...1 + minutes).contains(lines.count) && lines.first?.contains("127.0.0.1:1") == true)
    }

    @Test("A collector that never answers does not keep a server from stopping", .timeLimit(.minutes(10)))
    func hanging() async throws {
        try await StandInService.run { _, _ in
            await StandInService.silence()
        } _: { collector, base in
            let folder = try TemporaryFolder()
            let server = try await ServerProcess.start(folder, "--set", "tracing.otlp_endpoint=\(base)")
            _ = try await RunningServer.send("GET", to: server.base + "/livez")
            try await eventually("it sends a span") { !collector.asked.isEmpty }
            _ = try await RunningServer.send("GET", to: server.base + "/livez")
            server.send(signal: SIGTERM)
            #expect(try await server.ends(within: .seconds(60)))
            #expect(server.status == 0 && server.log.contains("] Stopped."))
            #expect(!server.log.contains("Stopping takes too long"))
            #expect(Set(collector.asked) == ["/v1/traces"])
        }
    }

    @Test("OpenTelemetry's variables name a collector, its authority and what it asks for, which stays secret")
    func environment() async throws {
        let (folder, authority) = (try TemporaryFolder(), try TestAuthority())
        try Data(authority.pem.utf8).write(to: folder.file("ca.pem"))
        let context = try TLSContext(TLSServerConfiguration(try authority.issue()))
        let keys = Lock<[String?]>([])
        try await TestServer.run(
            tls: { context },
            handler: { request in
                keys.withLock { $0.append(request.head.headerFields.first(name: "api-key")) }
                _ = try? await request.body.collect(upTo: 1 << 20)
                return OutgoingResponse(status: .ok)
            }
        ) { collector in
            let base = "https://127.0.0.1:\(collector.port)/"
            let server = try await ServerProcess.start(
                folder,
                environment: [
                    "OTEL_EXPORTER_OTLP_ENDPOINT": base,
                    "OTEL_EXPORTER_OTLP_CERTIFICATE": folder.file("ca.pem").path,
                    "OTEL_EXPORTER_OTLP_HEADERS": "api-key=marked%20key, x-other=1",
                ])
            let settings = try await RunningServer.send("GET", to: server.base + "/api/v1/settings").body
            try await eventually("spans come") { keys.withLock { !$0.isEmpty } }
            server.send(signal: SIGTERM)
            #expect(try await server.ends(within: .seconds(60)))
            #expect(keys.withLock { $0 }.first == "marked key", "\(server.log)")
            #expect(!server.log.contains("marked") && !settings.contains("marked"))
            #expect(server.log.contains("Spans go to a collector."))
        }
    }

    @Test("A server's own name for the setting goes before OpenTelemetry's, and an error names the variable")
    func precedence() throws {
        func endpoint(_ environment: [String: String]) throws -> String? {
            try Settings.resolve(flags: [:], environment: environment, file: nil).settings.tracing.endpoint
        }
        let theirs = "OTEL_EXPORTER_OTLP_ENDPOINT"
        #expect(try endpoint([theirs: "http://a:4318/"]) == "http://a:4318")
        #expect(try endpoint([theirs: "http://a", "KBS_TRACING_OTLP_ENDPOINT": "http://b/x"]) == "http://b/x")
        #expect(try endpoint([theirs: "http://a", "KBS_TRACING_OTLP_ENDPOINT": ""]) == nil)
        #expect(try endpoint([theirs: ""]) == nil)
        for wrong in ["localhost:4317", "grpc://a", "http://u:p@a", "http://a/v1/traces"] {
            let error = #expect(throws: InvalidSetting.self) { try endpoint([theirs: wrong]) }
            #expect(error?.description.hasPrefix(theirs) == true)
        }
    }

    @Test("What a collector asks for is read as OpenTelemetry has it, and an error repeats none of it")
    func headers() throws {
        let read = try TracingSettings.headers(" a=1, b-c = x%3D , d=e=f,")
        #expect(read.first(name: "a") == "1" && read.first(name: "b-c") == "x=" && read.first(name: "d") == "e=f")
        #expect(try TracingSettings.headers("") == [:])
        for wrong in ["marked", "a b=marked", "a=marked%0D%0Ab: c", "a=marked%", "=marked"] {
            let error = #expect(throws: InvalidSetting.self) { try TracingSettings.headers(wrong) }
            #expect(error?.description.contains("marked") == false, "\(wrong)")
        }
    }
}
