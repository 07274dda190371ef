import Foundation
public import NIOCore

/// IP networks, e.g. `10.0.0.0/8, ::1/128`.
public struct NetworkList: Sendable, Hashable, CustomStringConvertible {
    private struct Network: Sendable, Hashable, CustomStringConvertible {
        /// 4 or 16 bytes.
        let address: [UInt8]
        let bits: Int
        let description: String

        func contains(_ other: [UInt8]) -> Bool {
            guard other.count == address.count else { return false }
            return (0..<bits).allSatisfy { bit in
                let mask: UInt8 = 0x80 >> UInt8(bit % 8)
                return address[bit / 8] & mask == other[bit / 8] & mask
            }
        }
    }

    private var networks: [Network]

    /// Whether it holds nobody.
    public var isEmpty: Bool { networks.isEmpty }

    /// 127.0.0.0/8 and ::1/128.
    public static let loopback = NetworkList(networks: [
        Network(address: [127, 0, 0, 0], bits: 8, description: "127.0.0.0/8"),
        Network(address: Array(repeating: 0, count: 15) + [1], bits: 128, description: "::1/128"),
    ])

    private init(networks: [Network]) { self.networks = networks }

    /// Reads a list with commas between; the empty text is the empty list, which holds nobody.
    ///
    /// - Throws: ``InvalidNetwork``.
    public init(_ text: String) throws(InvalidNetwork) {
        networks = []
        for entry in text.split(separator: ",") {
            let entry = entry.trimmingCharacters(in: .whitespaces)
            let parts = entry.split(separator: "/", omittingEmptySubsequences: false)
            guard let first = parts.first, parts.count <= 2,
                let address = try? SocketAddress(ipAddress: String(first), port: 0).ipBytes,
                let bits = parts.count == 2 ? Int(parts[1]) : address.count * 8,
                (0...address.count * 8).contains(bits)
            else {
                throw InvalidNetwork(entry: entry)
            }
            networks.append(Network(address: address, bits: bits, description: entry))
        }
    }

    /// Whether the address is in one of the networks. An IPv4 address may come as IPv6 (`::ffff:a.b.c.d`).
    public func contains(_ address: SocketAddress?) -> Bool {
        guard let bytes = address?.ipBytes else { return false }
        return networks.contains { $0.contains(bytes) }
    }

    public var description: String {
        networks.isEmpty ? "nobody" : networks.map(\.description).joined(separator: ", ")
    }
}

/// A text that is not a network.
public struct InvalidNetwork: Error, Sendable, Hashable, CustomStringConvertible {
    public let entry: String

    public var description: String {
        "\"\(entry)\" is not a network: write 192.0.2.0/24, 2001:db8::/32 or one address"
    }
}

extension SocketAddress {
    /// Network order; `nil` for a Unix socket.
    package var ipBytes: [UInt8]? {
        switch self {
        case .v4(let address):
            return withUnsafeBytes(of: address.address.sin_addr) { Array($0) }
        case .v6(let address):
            let bytes = withUnsafeBytes(of: address.address.sin6_addr) { Array($0) }
            let mapped = [UInt8](repeating: 0, count: 10) + [0xFF, 0xFF]
            return Array(bytes.prefix(12)) == mapped ? Array(bytes.suffix(4)) : bytes
        case .unixDomainSocket:
            return nil
        }
    }
}
