import Bytes

/// An IPv4 or IPv6 address. An IPv4-mapped address (`::ffff:192.0.2.1`) equals the IPv4 address.
public struct IPAddress: Sendable, Hashable {
    /// An IPv4 address is stored in its mapped form.
    private let upper: UInt64
    private let lower: UInt64

    private init(upper: UInt64, lower: UInt64) { (self.upper, self.lower) = (upper, lower) }

    /// - Parameter v4: in network order: 127.0.0.1 is 0x7F00_0001.
    public init(v4: UInt32) { self.init(upper: 0, lower: 0xFFFF_0000_0000 | UInt64(v4)) }

    /// - Parameter bytes: 4 or 16, in network order.
    /// - Returns: nil for any other count.
    public init?(bytes: some Collection<UInt8>) {
        switch bytes.count {
        case 4: self.init(v4: bytes.reduce(0) { $0 << 8 | UInt32($1) })
        case 16:
            self.init(
                upper: bytes.prefix(8).reduce(0) { $0 << 8 | UInt64($1) },
                lower: bytes.dropFirst(8).reduce(0) { $0 << 8 | UInt64($1) })
        default: return nil
        }
    }

    /// Reads `192.0.2.1` or `2001:db8::1`: no zone, no brackets, no leading zeros in an IPv4 address.
    public init?(_ text: some StringProtocol) {
        let bytes = Array(text.utf8)
        if let address = Self.v4(bytes[...]) {
            self.init(v4: address)
            return
        }
        guard let words = Self.v6(bytes), words.count == 8 else { return nil }
        self.init(
            upper: words[..<4].reduce(0) { $0 << 16 | UInt64($1) },
            lower: words[4...].reduce(0) { $0 << 16 | UInt64($1) })
    }

    public static let loopbackV4 = IPAddress(v4: 0x7F00_0001)

    public var isV4: Bool { upper == 0 && lower >> 32 == 0xFFFF }

    /// 4 or 16, in network order.
    public var bytes: [UInt8] {
        isV4
            ? (0..<4).map { UInt8(truncatingIfNeeded: lower >> (24 - 8 * $0)) }
            : [upper, lower].flatMap { half in (0..<8).map { UInt8(truncatingIfNeeded: half >> (56 - 8 * $0)) } }
    }

    /// Whether it is in 127.0.0.0/8, or ::1.
    public var isLoopback: Bool { isV4 ? lower >> 24 & 0xFF == 127 : upper == 0 && lower == 1 }

    /// Whether a host (a name, or an address without brackets) is `localhost`, a name under it (RFC 6761), or a loopback
    /// address.
    public static func isThisMachine(_ host: some StringProtocol) -> Bool {
        let name = host.lowercased()
        return name.utf8.elementsEqual("localhost".utf8) || name.hasSuffix(".localhost")
            || IPAddress(host)?.isLoopback == true
    }

    /// The subject of limits by address: an IPv4 address itself, or the first address of an IPv6 /64 network, any of whose
    /// addresses a host with IPv6 may use.
    public var limited: IPAddress { isV4 ? self : IPAddress(upper: upper, lower: 0) }

    /// - Parameter bits: of 32 or 128.
    func prefix(_ bits: Int) -> IPAddress {
        let bits = isV4 ? bits + 96 : bits
        let (up, low) = (min(max(bits, 0), 64), min(max(bits - 64, 0), 64))
        return IPAddress(upper: upper & ~(UInt64.max >> UInt64(up)), lower: lower & ~(UInt64.max >> UInt64(low)))
    }

    /// Four numbers from 0 to 255.
    private static func v4(_ text: ArraySlice<UInt8>) -> UInt32? {
        let parts = text.split(separator: UInt8(ascii: "."), omittingEmptySubsequences: false)
        guard parts.count == 4 else { return nil }
        var address: UInt32 = 0
        for part in parts {
            guard (1...3).contains(part.count), part.allSatisfy(\.isDigit),
                part.count == 1 || part.first != UInt8(ascii: "0")
            else { return nil }
            let number = part.reduce(0) { $0 * 10 + UInt32($1 - UInt8(ascii: "0")) }
            guard number < 256 else { return nil }
            address = address << 8 | number
        }
        return address
    }

    /// Source: RFC 4291, section 2.2.
    private static func v6(_ text: [UInt8]) -> [UInt16]? {
        var (words, gap): ([UInt16], Int?) = ([], nil)
        var position = 0
        if text.starts(with: "::".utf8) {
            (gap, position) = (0, 2)
            if position == text.count { return Array(repeating: 0, count: 8) }
        }
        while words.count < 8 {
            let end = text[position...].firstIndex(of: .colon) ?? text.count
            if end == text.count, let address = v4(text[position...]) {
                words += [UInt16(truncatingIfNeeded: address >> 16), UInt16(truncatingIfNeeded: address)]
                position = end
                break
            }
            guard (1...4).contains(end - position) else { return nil }
            var word: UInt16 = 0
            for byte in text[position..<end] {
                guard let value = byte.hexValue else { return nil }
                word = word << 4 | UInt16(value)
            }
            words.append(word)
            position = end
            if position == text.count { break }
            position += 1
            if position < text.count, text[position] == .colon {
                guard gap == nil else { return nil }
                gap = words.count
                position += 1
                if position == text.count { break }
            } else if position == text.count {
                return nil
            }
        }
        guard position == text.count else { return nil }
        guard let gap else { return words }
        // `::` stands for at least one word.
        guard words.count < 8 else { return nil }
        return Array(words[..<gap]) + Array(repeating: 0, count: 8 - words.count) + Array(words[gap...])
    }
}

extension IPAddress: CustomStringConvertible {
    /// Source: RFC 5952.
    public var description: String {
        guard !isV4 else {
            return "\(lower >> 24 & 0xFF).\(lower >> 16 & 0xFF).\(lower >> 8 & 0xFF).\(lower & 0xFF)"
        }
        let words = [upper, lower].flatMap { half in (0..<4).map { UInt16(truncatingIfNeeded: half >> (48 - 16 * $0)) }
        }
        guard let gap = Self.longestGap(words) else { return Self.text(words[...]) }
        return Self.text(words[..<gap.lowerBound]) + "::" + Self.text(words[gap.upperBound...])
    }

    private static func text(_ words: ArraySlice<UInt16>) -> String {
        words.map { String($0, radix: 16) }.joined(separator: ":")
    }

    /// The first of the longest runs of at least two zeros.
    private static func longestGap(_ words: [UInt16]) -> Range<Int>? {
        var longest = 0..<0
        var start = 0
        while start < words.count {
            let end = words[start...].firstIndex { $0 != 0 } ?? words.count
            if end - start > longest.count { longest = start..<end }
            start = max(end, start + 1)
        }
        return longest.count >= 2 ? longest : nil
    }
}
