import Glibc
import InMemoryTracing
import Testing
@testable import Tracing

@Suite("Spans")
struct SpanTests {
    private struct Fault: Error, CustomStringConvertible { let description = "kbs_the-token" }

    private func record(_ body: () async throws -> Void) async rethrows -> [FinishedInMemorySpan] {
        let tracer = InMemoryTracer()
        try await withTracer(tracer, body)
        return tracer.finishedSpans
    }

    @Test("A step in a step is its child, and one after it is not")
    func tree() async throws {
        let spans = await record {
            await withSpan("outer", ofKind: .server) { _ in
                await withSpan("inner", ofKind: .client) { _ in }
            }
            await withSpan("next") { _ in }
        }
        try #require(spans.map(\.operationName) == ["inner", "outer", "next"])
        #expect(spans[0].parentSpanID == spans[1].spanID && spans[0].traceID == spans[1].traceID)
        #expect(spans[1].parentSpanID == nil)
        #expect(spans[2].parentSpanID == nil && spans[2].traceID != spans[1].traceID)
        #expect(spans.map(\.kind) == [.client, .server, .internal])
    }

    @Test("A step goes on in the tasks that it starts")
    func childTasks() async {
        let spans = await record {
            await withSpan("outer") { _ in
                async let first: Void = withSpan("a") { _ in }
                async let second: Void = withSpan("b") { _ in }
                _ = await (first, second)
            }
        }
        #expect(Set(spans.map(\.traceID)).count == 1)
        #expect(spans.count { $0.parentSpanID == spans.last?.spanID } == 2)
    }

    @Test("A caller's trace goes on, unless the caller does not record it")
    func parent() async throws {
        for isSampled in [true, false] {
            let parent = SpanContext(traceID: TraceID(), spanID: SpanID(), isSampled: isSampled)
            let spans = await record {
                var here = ServiceContext.current ?? .topLevel
                here.spanContext = parent
                await ServiceContext.$current.withValue(here) {
                    await withSpan("x") { span in
                        let current = ServiceContext.current?.spanContext
                        #expect(current?.traceID == parent.traceID)
                        #expect(span?.context.spanContext == (isSampled ? current : nil))
                    }
                }
            }
            #expect(spans.map(\.traceID) == (isSampled ? [parent.traceID.description] : []))
            #expect(spans.allSatisfy { $0.parentSpanID == parent.spanID.description })
        }
    }

    @Test("The request's id stays in the steps' context")
    func requestID() async {
        await withTracer(InMemoryTracer()) {
            var here = ServiceContext.current ?? .topLevel
            here.requestID = RequestID("abc")
            await ServiceContext.$current.withValue(here) {
                await withSpan("x") { _ in #expect(ServiceContext.current?.requestID?.description == "abc") }
            }
        }
    }

    @Test("A step that throws has its error's type recorded, and never its text")
    func failure() async throws {
        let tracer = InMemoryTracer()
        await #expect(throws: Fault.self) {
            try await withTracer(tracer) { try await withSpan("x") { _ in throw Fault() } }
        }
        let span = try #require(tracer.finishedSpans.first)
        #expect(span.status == .error)
        #expect(span.errors.map(\.type) == ["Fault"])
        #expect(!"\(span)".contains("kbs_the-token"))
    }

    @Test("What is said of a span is kept until it ends")
    func attributes() async throws {
        let span = try #require(
            await record {
                await withSpan("x") { span in
                    span?.attributes["text"] = "a"
                    span?.attributes["number"] = 200
                    span?.attributes["gone"] = "a"
                    span?.attributes["gone"] = nil
                    span?.attributes["text"] = "b"
                    span?.setStatus(.ok)
                    span?.end()
                    span?.attributes["late"] = "a"
                }
            }.first)
        #expect(span.attributes.get("text") == .string("b"))
        #expect(span.attributes.get("number") == .int64(200))
        #expect(span.attributes.all.map(\.name) == ["text", "number"])
        #expect(span.status == .ok)
    }

    @Test("A span is recorded once, and does not end before it began")
    func once() async {
        let spans = await record {
            await withSpan("x") { span in
                span?.end()
                span?.end()
            }
        }
        #expect(spans.count == 1)
        #expect(spans.allSatisfy { $0.span.endTime >= $0.span.startTime })
        var now = timespec()
        clock_gettime(CLOCK_REALTIME, &now)
        #expect(spans.allSatisfy { $0.span.startTime <= UInt64(now.tv_sec) * 1_000_000_000 + UInt64(now.tv_nsec) })
    }

    @Test("Attributes are bounded in number and length, and text is cut between characters")
    func bounded() async throws {
        let span = try #require(
            await record {
                await withSpan("x") { span in
                    span?.attributes["long"] = "a" + String(repeating: "\u{E9}", count: 200)
                    for number in 0..<100 { span?.attributes["n\(number)"] = number }
                    for _ in 0..<100 { span?.recordError(Fault()) }
                }
            }.first)
        #expect(span.attributes.get("long") == .string("a" + String(repeating: "\u{E9}", count: 127)))
        #expect(span.attributes.all.count == 32)
        #expect(span.errors.count == 8)
    }

    @Test("Without a tracer no span is made, nor its name")
    func nobody() async {
        func name() -> String {
            Issue.record("the name of a span that nobody records")
            return ""
        }
        #expect(startSpan(name()) == nil)
        #expect(await withSpan(name()) { $0 == nil })
        #expect(await withTracer(InMemoryTracer()) { await withSpan("x") { $0 != nil } })
        #expect(startSpan(name()) == nil)
    }
}

@Suite("Request ids")
struct RequestIDTests {
    @Test("A new one is 16 hex digits, and another each time")
    func new() {
        let ids = (0..<100).map { _ in RequestID().description }
        #expect(Set(ids).count == 100)
        #expect(ids.allSatisfy { id in id.utf8.count == 16 && id.allSatisfy { "0123456789abcdef".contains($0) } })
    }

    @Test("A caller's is taken if it cannot be taken for anything else in a log")
    func given() {
        #expect(RequestID("Az09-_.")?.description == "Az09-_.")
        #expect(RequestID(String(repeating: "a", count: 64)) != nil)
        for text in ["", String(repeating: "a", count: 65), "a b", "a\n", "a=b", "\u{E9}", "\"", "a/b"] {
            #expect(RequestID(text) == nil, "\(text)")
        }
    }
}
