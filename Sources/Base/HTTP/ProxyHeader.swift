/// The PROXY protocol's header, version 2: a balancer in TCP mode sends it first on each connection.
///
/// Source: HAProxy, doc/proxy-protocol.txt, section 2.2.
public enum ProxyHeader: Sendable, Hashable {
    /// The balancer's own connection, such as a health check.
    case local
    /// A connection of the client at this address.
    case proxied(IPAddress)

    /// Signature, command, family and length.
    public static let fixedLength = 16
    /// Addresses and extensions, in bytes. A balancer that terminates TLS adds some hundred bytes.
    static let longest = 2_048

    private static let signature: [UInt8] = [
        0x0D, 0x0A, 0x0D, 0x0A, 0x00, 0x0D, 0x0A, 0x51, 0x55, 0x49, 0x54, 0x0A,
    ]

    /// The header's length, from its first 16 bytes.
    ///
    /// - Parameter start: the received bytes. Fewer than 16 are checked, too.
    /// - Returns: nil when more bytes are needed.
    public static func length(_ start: [UInt8]) throws(MalformedMessage) -> Int? {
        guard start.prefix(12).elementsEqual(signature.prefix(start.count)) else {
            throw malformed(
                start.starts(with: "PROXY".utf8.prefix(max(1, start.count)))
                    ? "The connection begins with version 1 of the PROXY protocol: have the balancer send version 2."
                    : "The connection does not begin with the PROXY protocol, version 2, which proxies.protocol expects "
                        + "from its network.")
        }
        guard start.count >= fixedLength else { return nil }
        guard start[12] >> 4 == 2, start[12] & 0xF <= 1 else {
            throw malformed("The PROXY protocol has another version than 2, or an unknown command.")
        }
        let length = Int(start[14]) << 8 | Int(start[15])
        guard length <= longest else {
            throw malformed("The PROXY protocol's header has \(length) bytes, more than \(longest).")
        }
        return fixedLength + length
    }

    /// Reads a whole header.
    public init(_ bytes: [UInt8]) throws(MalformedMessage) {
        guard try Self.length(bytes) == bytes.count else {
            throw Self.malformed("The PROXY protocol's header differs from its length.")
        }
        // Addresses and extensions of a local connection are ignored.
        guard bytes[12] & 0xF == 1 else {
            self = .local
            return
        }
        let rest = bytes[Self.fixedLength...]
        let (source, addresses): (Int, Int) =
            switch bytes[13] {
            case 0x11: (4, 12)
            case 0x21: (16, 36)
            default: throw Self.malformed("The PROXY protocol's header names no client over TCP on IPv4 or IPv6.")
            }
        guard rest.count >= addresses, let address = IPAddress(bytes: rest.prefix(source)) else {
            throw Self.malformed("The PROXY protocol's header ends within its addresses.")
        }
        try Self.check(extensions: rest.dropFirst(addresses))
        self = .proxied(address)
    }

    /// Checks the form of extensions: a type, a length of two bytes, a value. They are not used.
    private static func check(extensions: ArraySlice<UInt8>) throws(MalformedMessage) {
        var rest = extensions
        while !rest.isEmpty {
            let start = rest.startIndex
            guard rest.count >= 3 else { throw cutShort }
            let length = Int(rest[start + 1]) << 8 | Int(rest[start + 2])
            guard rest.count - 3 >= length else { throw cutShort }
            rest = rest.dropFirst(3 + length)
        }
    }

    private static let cutShort = malformed("The PROXY protocol's header ends within an extension.")

    private static func malformed(_ reason: String) -> MalformedMessage { MalformedMessage(.proxy, reason) }
}
