/// Tells the log lines of a request from those of others, here and, if a caller names it, there.
public struct RequestID: Sendable, Hashable, CustomStringConvertible {
    public let description: String

    /// A new one: 16 hex digits.
    public init() { description = hexDigits(UInt64.random(in: .min ... .max)) }

    /// One that a caller gave: letters, digits, `-`, `_` and `.`, at most 64, so that it cannot be taken for
    /// anything else in a log.
    public init?(_ text: String) {
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

/// 16 of them, lower case.
func hexDigits(_ number: UInt64) -> String {
    let digits = String(number, radix: 16)
    return String(repeating: "0", count: 16 - digits.utf8.count) + digits
}
