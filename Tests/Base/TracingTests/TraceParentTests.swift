import Testing
import Tracing

@Suite("W3C's traceparent")
struct TraceParentTests {
    private let good = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"

    @Test("It is read, and written as it was")
    func roundTrip() throws {
        let context = try #require(SpanContext(traceparent: good))
        #expect(context.traceID.description == "0af7651916cd43dd8448eb211c80319c")
        #expect(context.spanID.description == "b7ad6b7169203331")
        #expect(context.isSampled)
        #expect(context.traceparent == good)
        let leading = "00-00000000000000000000000000000001-0000000000000002-00"
        #expect(SpanContext(traceparent: leading)?.traceparent == leading)
    }

    @Test(
        "The sampled flag is one bit, and others are ignored", arguments: [("00", false), ("03", true), ("02", false)])
    func flags(flags: String, isSampled: Bool) {
        #expect(SpanContext(traceparent: good.dropLast(2) + flags)?.isSampled == isSampled)
    }

    @Test("A later version is read as far as version 00 goes")
    func laterVersion() {
        let later = "cc" + good.dropFirst(2)
        #expect(SpanContext(traceparent: later)?.traceparent == good)
        #expect(SpanContext(traceparent: later + "-what-the-future-brings")?.traceparent == good)
        #expect(SpanContext(traceparent: later + ".") == nil)
    }

    @Test(
        "Whatever is not to the letter is refused",
        arguments: [
            "", "00", "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331",
            "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-1",
            "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01-",
            "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01-more",
            "00-0AF7651916CD43DD8448EB211C80319C-b7ad6b7169203331-01",
            "00-0af7651916cd43dd8448eb211c80319c-B7AD6B7169203331-01",
            "00-00000000000000000000000000000000-b7ad6b7169203331-01",
            "00-0af7651916cd43dd8448eb211c80319c-0000000000000000-01",
            "ff-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01",
            "0x-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01",
            "00-0af7651916cd43dd8448eb211c80319g-b7ad6b7169203331-01",
            "00_0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01",
            "00-0af7651916cd43dd8448eb211c80319c_b7ad6b7169203331-01",
            "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331_01",
            "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-0g",
            " 00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01",
            "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01 ",
            // Two fields, joined as HTTP joins them.
            "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01, 00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01",
        ])
    func refused(text: String) { #expect(SpanContext(traceparent: text) == nil) }

    @Test("New ids are never zero and hardly ever the same")
    func ids() {
        #expect(Set((0..<100).map { _ in TraceID() }).count == 100)
        #expect(Set((0..<100).map { _ in SpanID() }).count == 100)
        #expect(TraceID().description.utf8.count == 32 && SpanID().description.utf8.count == 16)
    }
}
