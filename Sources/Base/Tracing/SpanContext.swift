/// The id of a trace, which spans all processes of a request: 16 bytes, not all zero.
public struct TraceID: Sendable, Hashable, CustomStringConvertible {
    private let high, low: UInt64

    /// A random id.
    public init() { (high, low) = (UInt64.random(in: 1 ... .max), UInt64.random(in: .min ... .max)) }

    init?(high: UInt64, low: UInt64) {
        guard high != 0 || low != 0 else { return nil }
        (self.high, self.low) = (high, low)
    }

    /// 32 hex digits, lower case.
    public var description: String { hexDigits(high) + hexDigits(low) }
}

/// The id of a span: 8 bytes, not all zero.
public struct SpanID: Sendable, Hashable, CustomStringConvertible {
    private let number: UInt64

    /// A random id.
    public init() { number = UInt64.random(in: 1 ... .max) }

    init?(_ number: UInt64) {
        guard number != 0 else { return nil }
        self.number = number
    }

    /// 16 hex digits, lower case.
    public var description: String { hexDigits(number) }
}

/// The parent of spans, in this process or another.
public struct SpanContext: Sendable, Hashable {
    public let traceID: TraceID
    public let spanID: SpanID
    /// Whether the trace is recorded; decided by its first process for all.
    public let isSampled: Bool

    public init(traceID: TraceID, spanID: SpanID, isSampled: Bool) {
        (self.traceID, self.spanID, self.isSampled) = (traceID, spanID, isSampled)
    }
}

extension SpanContext {
    /// The header field that carries a span's context to another process.
    public static let headerName = "traceparent"

    /// The field's value, in version 00.
    public var traceparent: String { "00-\(traceID)-\(spanID)-\(isSampled ? "01" : "00")" }

    /// Reads the field's value.
    ///
    /// Later versions are read by version 00's form. Returns nil for any other form, such as upper-case digits, zero ids
    /// and several fields joined by commas.
    /// Source: W3C Trace Context, sections 3.2 and 4.2.
    public init?(traceparent: String) {
        let text = Array(traceparent.utf8)
        let dash = UInt8(ascii: "-")
        guard text.count >= 55, text[2] == dash, text[35] == dash, text[52] == dash,
            let version = Self.number(text[0..<2]), version != 0xFF,
            text.count == 55 || (version > 0 && text[55] == dash),
            let high = Self.number(text[3..<19]), let low = Self.number(text[19..<35]),
            let traceID = TraceID(high: high, low: low),
            let spanID = Self.number(text[36..<52]).flatMap({ SpanID($0) }),
            let flags = Self.number(text[53..<55])
        else { return nil }
        self.init(traceID: traceID, spanID: spanID, isSampled: flags & 1 == 1)
    }

    private static func number(_ digits: ArraySlice<UInt8>) -> UInt64? {
        var number: UInt64 = 0
        for digit in digits {
            switch digit {
            case UInt8(ascii: "0")...UInt8(ascii: "9"): number = number << 4 | UInt64(digit - UInt8(ascii: "0"))
            case UInt8(ascii: "a")...UInt8(ascii: "f"): number = number << 4 | UInt64(digit - UInt8(ascii: "a") + 10)
            default: return nil
            }
        }
        return number
    }
}
