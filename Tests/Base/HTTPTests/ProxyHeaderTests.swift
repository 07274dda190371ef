import HTTP
import Testing

@Suite("The PROXY protocol's header, version 2")
struct ProxyHeaderTests {
    static let signature: [UInt8] = [0x0D, 0x0A, 0x0D, 0x0A, 0x00, 0x0D, 0x0A, 0x51, 0x55, 0x49, 0x54, 0x0A]
    /// 192.0.2.7:4711 to 198.51.100.1:443.
    static let v4: [UInt8] = [192, 0, 2, 7, 198, 51, 100, 1, 0x12, 0x67, 0x01, 0xBB]

    private func header(_ command: UInt8, _ family: UInt8, _ rest: [UInt8], length: Int? = nil) -> [UInt8] {
        let length = length ?? rest.count
        return Self.signature + [command, family, UInt8(length >> 8), UInt8(length & 0xFF)] + rest
    }

    @Test("The client's address over IPv4 and IPv6, with extensions and without")
    func addresses() throws {
        let expected = ProxyHeader.proxied(try #require(IPAddress("192.0.2.7")))
        #expect(try ProxyHeader(header(0x21, 0x11, Self.v4)) == expected)
        // PP2_TYPE_UNIQUE_ID and an empty PP2_TYPE_NOOP.
        #expect(try ProxyHeader(header(0x21, 0x11, Self.v4 + [0x05, 0, 3, 1, 2, 3, 0x04, 0, 0])) == expected)
        let v6: [UInt8] = [0x20, 0x01, 0x0D, 0xB8] + Array(repeating: 0, count: 11) + [7]
        #expect(
            try ProxyHeader(header(0x21, 0x21, v6 + v6 + [0, 1, 0, 2]))
                == .proxied(try #require(IPAddress("2001:db8::7"))))
    }

    @Test("A balancer's own connection has its own address, whatever else stands there")
    func local() throws {
        #expect(try ProxyHeader(header(0x20, 0x00, [])) == .local)
        #expect(try ProxyHeader(header(0x20, 0x11, Self.v4)) == .local)
        #expect(try ProxyHeader(header(0x20, 0xFF, [1, 2])) == .local)
    }

    @Test("How much is to be read is known from the first 16 bytes, and what is none from the first that is wrong")
    func length() throws {
        let whole = header(0x21, 0x11, Self.v4)
        for count in 0..<16 { #expect(try ProxyHeader.length(Array(whole.prefix(count))) == nil) }
        #expect(try ProxyHeader.length(whole) == 28)
        for start in [Array("G".utf8), Array("PROXY TCP4".utf8), [0x16, 0x03, 0x01], [0x0D, 0x0A, 0x0D, 0x0B]] {
            #expect(throws: MalformedMessage.self) { try ProxyHeader.length(start) }
        }
    }

    @Test(
        "What is none is refused",
        arguments: [
            (0x11, 0x11, v4, nil), (0x22, 0x11, v4, nil), (0x31, 0x11, v4, nil),  // version, command
            (0x21, 0x00, [], nil), (0x21, 0x12, v4, nil), (0x21, 0x31, [UInt8](repeating: 0, count: 216), nil),
            (0x21, 0x11, Array(v4.dropLast()), nil), (0x21, 0x21, v4, nil),
            (0x21, 0x11, v4 + [1], nil), (0x21, 0x11, v4 + [1, 0, 2, 0], nil),
            (0x21, 0x11, v4, 13), (0x21, 0x11, v4, 11), (0x21, 0x11, [UInt8](repeating: 0, count: 2_049), nil),
        ] as [(UInt8, UInt8, [UInt8], Int?)])
    func malformed(command: UInt8, family: UInt8, rest: [UInt8], length: Int?) {
        let error = #expect(throws: MalformedMessage.self) {
            try ProxyHeader(header(command, family, rest, length: length))
        }
        #expect(error?.part == .proxy)
    }
}
