/// An IP network, e.g. `10.0.0.0/8` or `2001:db8::/32`.
public struct IPNetwork: Sendable, Hashable, CustomStringConvertible {
    private let first: IPAddress
    private let bits: Int
    /// As it was written.
    public let description: String

    /// Reads an address with an optional prefix length; without it the network is one address.
    public init?(_ text: some StringProtocol) {
        let parts = text.split(separator: "/", omittingEmptySubsequences: false)
        guard let start = parts.first, parts.count <= 2, let address = IPAddress(start) else { return nil }
        // An IPv4 network may be written as IPv6: ::ffff:192.0.2.0/120.
        let whole = start.utf8.contains(.colon) ? 128 : 32
        guard let stated = parts.count == 2 ? Self.number(parts[1]) : whole, (0...whole).contains(stated) else {
            return nil
        }
        let bits = whole == 128 && address.isV4 ? stated - 96 : stated
        guard bits >= 0 else { return nil }
        self.bits = bits
        first = address.prefix(bits)
        description = String(text)
    }

    public func contains(_ address: IPAddress) -> Bool {
        address.isV4 == first.isV4 && address.prefix(bits) == first
    }

    private static func number(_ text: some StringProtocol) -> Int? {
        guard (1...3).contains(text.utf8.count), text.utf8.allSatisfy(\.isDigit) else { return nil }
        return text.utf8.reduce(0) { $0 * 10 + Int($1 - UInt8(ascii: "0")) }
    }
}

/// IP networks, e.g. `10.0.0.0/8, ::1/128`.
public struct NetworkList: Sendable, Hashable, CustomStringConvertible {
    private let networks: [IPNetwork]

    public var isEmpty: Bool { networks.isEmpty }

    /// 127.0.0.0/8 and ::1/128.
    public static let loopback = NetworkList(networks: ["127.0.0.0/8", "::1/128"].compactMap { IPNetwork($0) })

    /// The empty list.
    public static let none = NetworkList(networks: [])

    private init(networks: [IPNetwork]) { self.networks = networks }

    /// Reads a comma-separated list, which may be empty.
    ///
    /// - Throws: ``InvalidNetwork``.
    public init(_ text: String) throws(InvalidNetwork) {
        var networks: [IPNetwork] = []
        for entry in text.split(separator: ",") {
            let entry = String(decoding: Array(entry.utf8)[...].trimmed, as: UTF8.self)
            guard let network = IPNetwork(entry) else { throw InvalidNetwork(entry: entry) }
            networks.append(network)
        }
        self.networks = networks
    }

    /// - Parameter address: nil for a caller over a Unix socket, which is in no network.
    public func contains(_ address: IPAddress?) -> Bool {
        guard let address else { return false }
        return networks.contains { $0.contains(address) }
    }

    /// Both lists.
    public static func + (one: NetworkList, other: NetworkList) -> NetworkList {
        NetworkList(networks: one.networks + other.networks)
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
