import Hummingbird
public import Logging
import Tracing

/// Tells the log lines of a request from those of others, here and, if a caller names it, there.
struct RequestID: Sendable, Hashable, CustomStringConvertible {
    let description: String

    /// A new one: 16 hex digits.
    init() {
        let digits = String(UInt64.random(in: .min ... .max), radix: 16)
        description = String(repeating: "0", count: 16 - digits.count) + digits
    }

    /// One that a caller gave: letters, digits, `-`, `_` and `.`, at most 64, so that it cannot be taken for
    /// anything else in a log.
    init?(_ text: String) {
        guard (1...64).contains(text.utf8.count),
            text.utf8.allSatisfy({ byte in
                switch byte {
                case UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "a")...UInt8(ascii: "z"),
                    UInt8(ascii: "A")...UInt8(ascii: "Z"), UInt8(ascii: "-"), UInt8(ascii: "_"), UInt8(ascii: "."):
                    true
                default: false
                }
            })
        else { return nil }
        description = text
    }
}

private enum RequestIDKey: ServiceContextKey {
    typealias Value = RequestID
    static let nameOverride: String? = "request"
}

extension ServiceContext {
    /// Of the request that is being answered.
    var requestID: RequestID? {
        get { self[RequestIDKey.self] }
        set { self[RequestIDKey.self] = newValue }
    }
}

extension Logger.MetadataProvider {
    /// `request=…` in every line that is written on behalf of a request.
    public static let requestID = Logger.MetadataProvider {
        guard let id = ServiceContext.current?.requestID else { return [:] }
        return ["request": "\(id)"]
    }
}
