import Synchronization

/// The id of a request in log lines; the caller may provide it.
public struct RequestID: Sendable, Hashable, CustomStringConvertible {
    public let description: String

    /// A new id of 16 hex digits, unique in this process and random across processes.
    ///
    /// It is SplitMix64 from one random start. Source: Steele, Lea, Flood: Fast Splittable Pseudorandom Number Generators,
    /// 2014.
    public init() {
        var number = Self.last.wrappingAdd(0x9E37_79B9_7F4A_7C15, ordering: .relaxed).newValue
        number = (number ^ number >> 30) &* 0xBF58_476D_1CE4_E5B9
        number = (number ^ number >> 27) &* 0x94D0_49BB_1331_11EB
        description = hexDigits(number ^ number >> 31)
    }

    private static let last = Atomic(UInt64.random(in: .min ... .max))

    /// A caller's id: at most 64 letters, digits, `-`, `_` and `.`, so that it cannot be mistaken for other text in a log.
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

/// 16 lower-case hex digits.
func hexDigits(_ number: UInt64) -> String {
    let digits = Array("0123456789abcdef".utf8)
    return String(unsafeUninitializedCapacity: 16) { text in
        for place in 0..<16 { text[place] = digits[Int(number >> UInt64(60 - 4 * place) & 15)] }
        return 16
    }
}
