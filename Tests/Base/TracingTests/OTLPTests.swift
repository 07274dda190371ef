import Bytes
import Concurrency
import Formats
import InMemoryTracing
import TestSupport
import Testing

@testable import Tracing

@Suite("Spans for a collector")
struct OTLPTests {
    /// What a collector was sent; it takes nothing while it is closed.
    private final class Collector: Sendable {
        struct Closed: Error {}
        private let state = Lock((bodies: [[UInt8]](), isOpen: true))

        var bodies: [[UInt8]] { state.withLock { $0.bodies } }
        func open(_ isOpen: Bool) { state.withLock { $0.isOpen = isOpen } }
        func take(_ body: [UInt8]) throws {
            try state.withLock { state in
                guard state.isOpen else { throw Closed() }
                state.bodies.append(body)
            }
        }

        /// The spans of each batch.
        func batches() throws -> [[JSON]] {
            try bodies.map { body in
                try JSON(body).member("resourceSpans").array()[0].member("scopeSpans").array()[0].member("spans")
                    .array()
            }
        }
    }

    private var resource: SpanAttributes {
        var resource = SpanAttributes()
        resource["service.name"] = "kbs"
        return resource
    }

    @Test("A span is written as OTLP has it")
    func encoding() async throws {
        let collector = Collector()
        let exporter = OTLPExporter(resource: resource) { try collector.take($0) }
        let parent = try #require(SpanContext(traceparent: "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"))
        var here = ServiceContext.topLevel
        here.spanContext = parent
        struct Fault: Error {}
        await ServiceContext.$current.withValue(here) {
            try? await withTracer(exporter) {
                try await withSpan("a \"name\"", ofKind: .client) { span in
                    span?.attributes["text"] = "\u{1}\u{E9}"
                    span?.attributes["number"] = Int64.max
                    throw Fault()
                }
            }
        }
        await exporter.flush()
        let body = try JSON(#require(collector.bodies.first))
        let resource = try body.member("resourceSpans").array()[0].member("resource")
        #expect(
            JSONValue(resource)
                == ["attributes": [["key": "service.name", "value": ["stringValue": "kbs"]]]])
        let span = try #require(try collector.batches().first?.first)
        #expect(try span.member("traceId").text() == "0af7651916cd43dd8448eb211c80319c")
        #expect(try span.member("parentSpanId").text() == "b7ad6b7169203331")
        #expect(try span.member("spanId").text().utf8.count == 16)
        #expect(try span.member("name").text() == "a \"name\"")
        #expect(try span.member("kind").integer() == 3)
        #expect(JSONValue(try span.member("status")) == ["code": 2])
        let times = try ["startTimeUnixNano", "endTimeUnixNano"].map { UInt64(try span.member($0).text()) ?? 0 }
        #expect(times[0] > 1_700_000_000_000_000_000 && times[1] >= times[0])
        #expect(
            JSONValue(try span.member("attributes"))
                == [
                    ["key": "text", "value": ["stringValue": "\u{1}\u{E9}"]],
                    ["key": "number", "value": ["intValue": "9223372036854775807"]],
                ])
        let event = try span.member("events").array()[0]
        #expect(try event.member("name").text() == "exception")
        #expect(
            JSONValue(try event.member("attributes")) == [["key": "exception.type", "value": ["stringValue": "Fault"]]])
    }

    @Test("OpenTelemetry's own reader reads the same", .enabled(if: Independent.isThere))
    func reader() async throws {
        let collector = Collector()
        let exporter = OTLPExporter(resource: resource) { try collector.take($0) }
        await withTracer(exporter) {
            await withSpan("outer", ofKind: .server) { span in
                span?.attributes["number"] = Int64.min
                span?.attributes["text"] = "\u{1}\"\u{1F511}"
                span?.recordError(Collector.Closed())
                span?.setStatus(.error)
                await withSpan("inner") { _ in }
            }
        }
        await exporter.flush()
        let body = String(decoding: try #require(collector.bodies.first), as: UTF8.self)
        let resources = try #require(
            try await Independent.run("otlp", ["body": body])["resourceSpans"] as? [[String: Any]])
        let scopes = try #require(resources.first?["scopeSpans"] as? [[String: Any]])
        let spans = try #require(scopes.first?["spans"] as? [[String: Any]])
        try #require(spans.count == 2)
        let (inner, outer) = (spans[0], spans[1])
        #expect(inner["name"] as? String == "inner" && inner["kind"] as? String == "SPAN_KIND_INTERNAL")
        #expect(outer["kind"] as? String == "SPAN_KIND_SERVER")
        #expect(inner["parentSpanId"] as? String == outer["spanId"] as? String)
        #expect(inner["traceId"] as? String == outer["traceId"] as? String)
        #expect(outer["status"] as? [String: String] == ["code": "STATUS_CODE_ERROR"])
        let attributes = try #require(outer["attributes"] as? [[String: Any]])
        #expect(
            attributes.compactMap { $0["value"] as? [String: String] }
                == [["intValue": "-9223372036854775808"], ["stringValue": "\u{1}\"\u{1F511}"]])
    }

    private func record(_ count: Int, by exporter: OTLPExporter) async {
        await withTracer(exporter) { for number in 0..<count { await withSpan("\(number)") { _ in } } }
    }

    @Test("Spans go in batches, and in order")
    func batches() async throws {
        let collector = Collector()
        var limits = OTLPExporter.Limits()
        limits.batch = 10
        let exporter = OTLPExporter(resource: resource, limits: limits) { try collector.take($0) }
        await record(25, by: exporter)
        #expect(collector.bodies.isEmpty, "nobody waits for the collector")
        await exporter.flush()
        let batches = try collector.batches()
        #expect(batches.map(\.count) == [10, 10, 5])
        #expect(try batches.joined().map { try $0.member("name").text() } == (0..<25).map { "\($0)" })
        #expect(exporter.counts == (25, 0))
    }

    @Test("What finds the queue full is dropped and counted")
    func full() async throws {
        let collector = Collector()
        var limits = OTLPExporter.Limits()
        limits.queue = 7
        let exporter = OTLPExporter(resource: resource, limits: limits) { try collector.take($0) }
        await record(20, by: exporter)
        await exporter.flush()
        #expect(exporter.counts == (7, 13))
    }

    @Test("A collector that takes nothing is told of once, and once more when it does again")
    func failing() async throws {
        let collector = Collector()
        let events = Lock<[String]>([])
        var limits = OTLPExporter.Limits()
        limits.quiet = .zero
        let exporter = OTLPExporter(resource: resource, limits: limits) { event in
            let name = if case .failed(let error) = event { "\(error)" } else { "recovered" }
            events.withLock { $0.append(name) }
        } send: {
            try collector.take($0)
        }
        for isOpen in [true, false, false, true, true, false] {
            collector.open(isOpen)
            await record(1, by: exporter)
            await exporter.flush()
        }
        #expect(events.withLock { $0 } == ["Closed()", "recovered", "Closed()"])
        #expect(exporter.counts == (3, 3))
    }

    @Test(
        "A full batch is sent at once, one that is not after a while, and the rest at the end", .timeLimit(.minutes(10))
    )
    func run() async throws {
        let (sent, sending) = AsyncStream.makeStream(of: Int.self)
        for interval in [Duration.seconds(3_600), .milliseconds(1)] {
            var limits = OTLPExporter.Limits()
            limits.batch = 10
            (limits.interval, limits.last) = (interval, .seconds(600))
            let exporter = OTLPExporter(resource: resource, limits: limits) { body in
                let spans = try JSON(body).member("resourceSpans").array()[0].member("scopeSpans").array()[0]
                sending.yield(try spans.member("spans").array().count)
            }
            let task = Task { await exporter.run() }
            await record(interval == .milliseconds(1) ? 1 : 10, by: exporter)
            for await _ in sent { break }
            if interval == .seconds(3_600) {
                await record(3, by: exporter)
                task.cancel()
                await task.value
                #expect(exporter.counts == (13, 0))
                // Those before may have gone while these were recorded.
                var rest = 3
                for await count in sent {
                    rest -= count
                    if rest <= 0 { break }
                }
                #expect(rest == 0)
            }
            task.cancel()
            await task.value
        }
    }

    @Test("A collector that comes and goes is not told of each time")
    func flapping() async throws {
        let collector = Collector()
        let events = Lock(0)
        let exporter = OTLPExporter(resource: resource) { _ in
            events.withLock { $0 += 1 }
        } send: {
            try collector.take($0)
        }
        for number in 0..<100 {
            collector.open(number.isMultiple(of: 2))
            await record(1, by: exporter)
            await exporter.flush()
        }
        #expect(events.withLock { $0 } == 2)
    }

    @Test("A collector that fails is tried with one batch at a time, and what waits meanwhile is kept")
    func failingBatch() async throws {
        let collector = Collector()
        collector.open(false)
        var limits = OTLPExporter.Limits()
        limits.batch = 10
        let exporter = OTLPExporter(resource: resource, limits: limits) { try collector.take($0) }
        await record(25, by: exporter)
        await exporter.flush()
        #expect(exporter.counts == (0, 10))
        collector.open(true)
        await exporter.flush()
        #expect(exporter.counts == (15, 10))
    }

    @Test("A collector that does not answer ends with the limit for the last spans", .timeLimit(.minutes(10)))
    func hanging() async throws {
        var limits = OTLPExporter.Limits()
        limits.batch = 10
        limits.last = .milliseconds(10)
        let events = Lock(0)
        let exporter = OTLPExporter(resource: resource, limits: limits) { _ in
            events.withLock { $0 += 1 }
        } send: { _ in
            try await Task.sleep(for: .seconds(3_600))
        }
        let task = Task { await exporter.run() }
        await record(25, by: exporter)
        task.cancel()
        await task.value
        #expect(exporter.counts == (0, 25))
        #expect(events.withLock { $0 } == 0, "its end is no failure of the collector")
    }
}
