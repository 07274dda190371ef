package import NIOCore

/// Whom a limit counts: an IPv4 address, or an IPv6 network of 64 bits.
///
/// A host on IPv6 usually has a /64 to itself and may use any address in it, so a single one says nothing.
package struct CallerAddress: Sendable, Hashable {
    private let isIPv6: Bool
    private let bits: UInt64

    /// `nil` for a Unix socket, whose callers are not counted.
    package init?(_ address: SocketAddress?) {
        guard let bytes = address?.ipBytes else { return nil }
        isIPv6 = bytes.count == 16
        bits = bytes.prefix(8).reduce(0) { $0 << 8 | UInt64($1) }
    }

    /// One text for each.
    package var text: String { "\(isIPv6 ? "v6" : "v4"):\(String(bits, radix: 16))" }
}
