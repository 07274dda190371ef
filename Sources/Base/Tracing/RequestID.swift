import Synchronization

/// Tells the log lines of a request from those of others, here and, if a caller names it, there.
public struct RequestID: Sendable, Hashable, CustomStringConvertible {
    public let description: String

    /// A new one: 16 hex digits, unlike any other's of this process and those of others as far as chance allows.
    ///
    /// The system is asked for random bits once. Numbers from there on are mixed one to one, so that they look alike in
    /// nothing. Source: Steele, Lea, Flood: Fast Splittable Pseudorandom Number Generators, 2014.
    public init() {
        var number = Self.last.wrappingAdd(0x9E37_79B9_7F4A_7C15, ordering: .relaxed).newValue
        number = (number ^ number >> 30) &* 0xBF58_476D_1CE4_E5B9
        number = (number ^ number >> 27) &* 0x94D0_49BB_1331_11EB
        description = hexDigits(number ^ number >> 31)
    }

    private static let last = Atomic(UInt64.random(in: .min ... .max))

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
    let digits = Array("0123456789abcdef".utf8)
    return String(unsafeUninitializedCapacity: 16) { text in
        for place in 0..<16 { text[place] = digits[Int(number >> UInt64(60 - 4 * place) & 15)] }
        return 16
    }
}
