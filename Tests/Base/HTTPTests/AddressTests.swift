import HTTP
import Testing

@Suite("Addresses and networks")
struct AddressTests {
    @Test(
        "An address is read, and written as RFC 5952 has it",
        arguments: [
            ("127.0.0.1", "127.0.0.1"), ("0.0.0.0", "0.0.0.0"), ("255.255.255.255", "255.255.255.255"), ("::", "::"),
            ("::1", "::1"), ("1::", "1::"), ("2001:DB8:0:0:0:0:0:1", "2001:db8::1"), ("2001:db8::", "2001:db8::"),
            ("2001:db8:0:1:1:1:1:1", "2001:db8:0:1:1:1:1:1"), ("2001:0:0:1:0:0:0:1", "2001:0:0:1::1"),
            ("2001:db8:0:0:1:0:0:1", "2001:db8::1:0:0:1"), ("::ffff:192.0.2.1", "192.0.2.1"),
            ("::FFFF:c000:0201", "192.0.2.1"), ("64:ff9b::192.0.2.33", "64:ff9b::c000:221"),
            ("1:2:3:4:5:6:7::", "1:2:3:4:5:6:7:0"), ("::2:3:4:5:6:7:8", "0:2:3:4:5:6:7:8"),
        ])
    func texts(text: String, written: String) throws {
        let address = try #require(IPAddress(text))
        #expect(address.description == written)
        #expect(IPAddress(written) == address && IPAddress(bytes: address.bytes) == address)
    }

    @Test(
        "What is no address is not read",
        arguments: [
            "", "1", "1.2.3", "1.2.3.4.5", "1.2.3.256", "01.2.3.4", "1.2.3.4 ", " 1.2.3.4", "1.2.3.0x4", "1..2.3",
            "a.b.c.d",
            ":", ":::", "1:2", "1:2:3:4:5:6:7", "1:2:3:4:5:6:7:8:9", "1:2:3:4:5:6:7:8:", ":1:2:3:4:5:6:7:8", "1::2::3",
            "1:2:3:4::5:6:7:8", "12345::", "g::", "fe80::1%eth0", "[::1]", "::1.2.3", "::1.2.3.4.5", "1.2.3.4::",
            "::ffff:01.2.3.4", "1:2:3:4:5:6:7:1.2.3.4", "::1/128",
        ])
    func nonsense(text: String) { #expect(IPAddress(text) == nil) }

    @Test("A limit counts an IPv4 address itself and an IPv6 address with its network of 64 bits")
    func limited() throws {
        func limited(_ text: String) throws -> IPAddress { try #require(IPAddress(text)).limited }
        #expect(try limited("192.0.2.1") != limited("192.0.2.2"))
        #expect(try limited("::ffff:192.0.2.1") == limited("192.0.2.1"))
        #expect(try limited("2001:db8:0:1::1") == limited("2001:db8:0:1:ffff::2"))
        #expect(try limited("2001:db8:0:1::1") != limited("2001:db8:0:2::1"))
        #expect(try limited("::1") != limited("0.0.0.1"))
    }

    @Test("127.0.0.0/8 and ::1 are this machine's own")
    func loopback() throws {
        for (text, isLoopback) in [
            ("127.0.0.1", true), ("127.255.0.9", true), ("::1", true), ("::ffff:127.0.0.1", true), ("128.0.0.1", false),
            ("::2", false), ("::", false), ("7f00::1", false),
        ] {
            let address = try #require(IPAddress(text))
            #expect(address.isLoopback == isLoopback && NetworkList.loopback.contains(address) == isLoopback, "\(text)")
        }
    }

    @Test("A list of networks holds the addresses in them, an IPv4 address in IPv6 too, and nobody without an address")
    func networks() throws {
        let list = try NetworkList("10.0.0.0/8, 192.0.2.17,2001:db8::/33 , ::ffff:198.51.100.0/120")
        for (text, isIn) in [
            ("10.255.1.2", true), ("::ffff:10.1.1.1", true), ("11.0.0.1", false), ("192.0.2.17", true),
            ("192.0.2.16", false), ("2001:db8:7fff::1", true), ("2001:db8:8000::1", false), ("198.51.100.7", true),
            ("198.51.101.7", false), ("::a00:1", false),
        ] {
            let address: IPAddress = try #require(IPAddress(text))
            #expect(list.contains(address) == isIn, "\(text)")
        }
        #expect(!list.contains(nil))
        #expect(list.description == "10.0.0.0/8, 192.0.2.17, 2001:db8::/33, ::ffff:198.51.100.0/120")
        let everybody = try NetworkList("0.0.0.0/0, ::/0")
        for text in ["1.2.3.4", "::1", "ffff::"] { #expect(everybody.contains(IPAddress(text))) }
        #expect(try NetworkList("").isEmpty && NetworkList.none.description == "nobody")
        #expect(!(try NetworkList("::/0")).contains(IPAddress("1.2.3.4")), "an IPv4 address is none of IPv6")
    }

    @Test(
        "What is no network is refused, and the error says what to write",
        arguments: [
            "x", "10.0.0.0/33", "10.0.0.0/-1", "10.0.0.0/", "10.0.0.0/8/8", "::/129", "10/8", "10.0.0.0/+8",
            "::ffff:0:0/95",
        ])
    func noNetworks(text: String) {
        let error = #expect(throws: InvalidNetwork.self) { try NetworkList("::1, \(text)") }
        #expect(error?.description == "\"\(text)\" is not a network: write 192.0.2.0/24, 2001:db8::/32 or one address")
    }
}
