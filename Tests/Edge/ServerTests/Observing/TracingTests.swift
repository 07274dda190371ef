import Broker
import BrokerSupport
import EdgeSupport
import Endorsements
import Evidence
import EvidenceSupport
import InMemoryTracing
@testable import Installation
import SimulatedHardware
import TestSupport
import Testing
import Tracing

@testable import Server

@Suite("Traces")
struct TracingTests {
    private func record(
        _ change: (inout Settings) throws -> Void = { _ in }, _ body: (RunningServer) async throws -> Void
    ) async throws -> [FinishedInMemorySpan] {
        let tracer = InMemoryTracer()
        try await withTracer(tracer) { try await RunningServer.run(change, body) }
        return tracer.finishedSpans
    }

    @Test("A boot has a span for each call, and in it those of its steps")
    func boot() async throws {
        let spans = try await record { server in
            try await server.register("app")
            _ = try await Simulated.guest("app").boot(over: server.transport)
        }
        func only(_ name: String) throws -> FinishedInMemorySpan {
            let found = spans.filter { $0.operationName == name }
            #expect(found.count == 1, "\(name)")
            return try #require(found.first)
        }
        let attest = try only("kbs.http.attest")
        let appraisal = try only("kbs.appraisal")
        #expect(try only("kbs.challenge").parentSpanID == only("kbs.http.challenge").spanID)
        #expect(appraisal.parentSpanID == attest.spanID && appraisal.traceID == attest.traceID)
        #expect(appraisal.attributes.get("kbs.tee") == .string("snp"))
        #expect(appraisal.attributes.get("kbs.outcome") == .string("done"))
        #expect(attest.attributes.get("http.response.status_code") == .int64(200))
        #expect(try only("kbs.http.release").parentSpanID == nil)
        #expect(
            spans.contains { $0.operationName == "kbs.store.write" && $0.traceID == attest.traceID })
    }

    @Test("A refused appraisal says why, without a secret")
    func refusal() async throws {
        let spans = try await record { server in
            try await server.register("app", secret: "hush")
            var changed = try Simulated.guest("app")
            changed.template.measurement = Simulated.measurement("another")
            await #expect(throws: GuestTransport.Refused.self) { try await changed.boot(over: server.transport) }
        }
        let appraisal = try #require(spans.first { $0.operationName == "kbs.appraisal" })
        #expect(appraisal.attributes.get("kbs.outcome") == .string("evidence_refused"))
        #expect(appraisal.status == .error)
        #expect(!spans.contains { "\($0)".contains("hush") })
    }

    @Test("A caller's trace goes on in the server, as far as the vendor")
    func parent() async throws {
        let (snp, vcek) = (try Simulated.snp, try Simulated.vcek.certificate)
        let trace = "0af7651916cd43dd8448eb211c80319c"
        try await StandInService.run { path, _ in
            path.contains("cert_chain")
                ? StandInService.bytes(Array((snp.ask.pem + snp.ark.pem).utf8)) : StandInService.bytes(vcek.der)
        } _: { _, base in
            let spans = try await record {
                $0.keyDistribution = .init()
                $0.keyDistribution?.baseURL = base
            } _: { server in
                try await server.register("app")
                var guest = try Simulated.guest("app")
                guest.certificates = []
                let challenge = try await guest.challenge(over: server.transport)
                let reply = try await server.send(
                    "POST", "/kbs/v0/attest", try guest.evidence(for: challenge.nonce),
                    headers: [
                        ("Cookie", "session_id=\(challenge.cookie)"),
                        ("traceparent", "00-\(trace)-b7ad6b7169203331-01"),
                    ])
                #expect(reply.status == 200)
            }
            let attest = try #require(spans.first { $0.operationName == "kbs.http.attest" })
            #expect(attest.traceID == trace && attest.parentSpanID == "b7ad6b7169203331" && attest.kind == .server)
            let fetches = spans.filter { $0.operationName == "kbs.endorsements.fetch" }
            #expect(fetches.count == 2)
            #expect(fetches.allSatisfy { $0.traceID == trace && $0.kind == .client })
        }
    }

    @Test("Without a tracer no span is made, nor its name")
    func nobody() async {
        func name() -> String {
            Issue.record("the name of a span that nobody records")
            return ""
        }
        #expect(await traced(name()) { $0 == nil })
        #expect(await withTracer(InMemoryTracer()) { await traced("x") { $0 != nil } })
    }
}
