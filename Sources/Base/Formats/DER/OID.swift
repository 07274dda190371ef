/// An object identifier.
public struct OID: Hashable, Sendable {
    /// The contents of its DER.
    let encoded: [UInt8]

    /// - Returns: nil unless each number is minimal and complete (X.690, section 8.19).
    init?(encoded: [UInt8]) {
        guard let last = encoded.last, last & 0x80 == 0 else { return nil }
        var length = 0
        for byte in encoded {
            guard length > 0 || byte != 0x80 else { return nil }
            length += 1
            // At most nine groups of seven bits.
            guard length <= 9 else { return nil }
            if byte & 0x80 == 0 { length = 0 }
        }
        self.encoded = encoded
    }

    /// At least two numbers.
    public var components: [UInt64] {
        var components: [UInt64] = []
        var number: UInt64 = 0
        for byte in encoded {
            number = number << 7 | UInt64(byte & 0x7F)
            guard byte & 0x80 == 0 else { continue }
            if components.isEmpty {
                // The first two are encoded as one number; the second is below 40 unless the first is 2.
                let first = min(number / 40, 2)
                components = [first, number - first * 40]
            } else {
                components.append(number)
            }
            number = 0
        }
        return components
    }
}

extension OID: ExpressibleByArrayLiteral {
    /// `[2, 5, 4, 3]`.
    public init(arrayLiteral components: UInt64...) { self.init(components) }

    /// - Parameter components: the first is 0 to 2; the second is 0 to 39 under 0 and 1.
    public init(_ components: [UInt64]) {
        var encoded: [UInt8] = []
        let first = (components.first ?? 0) &* 40 &+ (components.dropFirst().first ?? 0)
        for number in [first] + components.dropFirst(2) {
            let groups = max(1, (64 - number.leadingZeroBitCount + 6) / 7)
            for group in (0..<groups).reversed() {
                encoded.append(UInt8(number >> (7 * group) & 0x7F) | (group > 0 ? 0x80 : 0))
            }
        }
        self.encoded = encoded
    }
}

extension OID: CustomStringConvertible {
    /// Dotted: `2.5.4.3`.
    public var description: String { components.map(String.init).joined(separator: ".") }
}
