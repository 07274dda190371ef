import Glibc

/// An IP address as a number: 4 or 16 bytes.
struct IPNumber: Sendable, Hashable {
    let bytes: [UInt8]

    /// In the form that `inet_pton` reads, which has no short or octal ones.
    init?(_ text: some StringProtocol) {
        var four = in_addr()
        var sixteen = in6_addr()
        let text = String(text)
        // C would stop reading there.
        guard !text.utf8.contains(0) else { return nil }
        if inet_pton(AF_INET, text, &four) == 1 {
            bytes = withUnsafeBytes(of: &four) { Array($0) }
        } else if inet_pton(AF_INET6, text, &sixteen) == 1 {
            bytes = withUnsafeBytes(of: &sixteen) { Array($0) }
        } else {
            return nil
        }
    }

    /// Its IPv4 address, if it is one in the form of IPv6.
    var unmapped: IPNumber {
        guard bytes.count == 16, bytes.prefix(10).allSatisfy({ $0 == 0 }), bytes[10] == 0xFF, bytes[11] == 0xFF else {
            return self
        }
        return IPNumber(bytes: Array(bytes.suffix(4)))
    }

    private init(bytes: [UInt8]) { self.bytes = bytes }

    var isLoopback: Bool {
        let plain = unmapped.bytes
        return plain.count == 4 ? plain[0] == 127 : plain.dropLast().allSatisfy { $0 == 0 } && plain.last == 1
    }

    /// Whether the first `length` bits are those of `network`.
    func isIn(_ network: IPNumber, length: Int) -> Bool {
        guard bytes.count == network.bytes.count, (0...bytes.count * 8).contains(length) else { return false }
        for (index, (own, other)) in zip(bytes, network.bytes).enumerated() {
            let bits = min(max(length - index * 8, 0), 8)
            let mask = UInt8(truncatingIfNeeded: 0xFF00 >> bits)
            guard own & mask == other & mask else { return false }
        }
        return true
    }
}
