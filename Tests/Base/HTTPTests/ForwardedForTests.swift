import HTTP
import Testing

@Suite("Callers behind proxies")
struct ForwardedForTests {
    private func caller(_ values: String..., from peer: String = "10.0.0.1") throws -> String {
        var fields = HTTPFields()
        fields[values: .xForwardedFor] = values
        let trusted = try NetworkList("10.0.0.0/8, 2001:db8:1::/48")
        let caller = try ForwardedFor.caller(of: fields, from: IPAddress(peer), trusting: trusted)
        return caller.map { "\($0)" } ?? "nobody"
    }

    @Test("The last address that is not a trusted proxy's is the caller's, whatever stands before it")
    func chains() throws {
        #expect(try caller("192.0.2.1") == "192.0.2.1")
        #expect(try caller("192.0.2.1, 10.0.0.2") == "192.0.2.1")
        #expect(try caller("127.0.0.1, 192.0.2.1, 10.0.0.3 ,10.0.0.2") == "192.0.2.1")
        #expect(try caller("127.0.0.1", "192.0.2.1", "10.0.0.2") == "192.0.2.1", "several lines are one list")
        #expect(try caller("nonsense, 192.0.2.1") == "192.0.2.1", "hearsay is not read")
        #expect(try caller("10.0.0.9, 10.0.0.2") == "10.0.0.9", "a proxy may ask for itself")
        #expect(try caller("2001:db8:2::1, 2001:db8:1::5") == "2001:db8:2::1")
    }

    @Test("A field from anybody else counts for nothing, and without a field the proxy is the caller")
    func strangers() throws {
        #expect(try caller("127.0.0.1", from: "192.0.2.1") == "192.0.2.1")
        #expect(try caller("nonsense", from: "192.0.2.1") == "192.0.2.1")
        #expect(try caller() == "10.0.0.1")
        let fields: HTTPFields = [.xForwardedFor: "192.0.2.1"]
        #expect(try ForwardedFor.caller(of: fields, from: nil, trusting: NetworkList("0.0.0.0/0")) == nil)
        #expect(try ForwardedFor.caller(of: fields, from: .loopbackV4, trusting: .none) == .loopbackV4)
    }

    @Test(
        "Addresses are written with and without ports, brackets and quotation marks",
        arguments: [
            ("192.0.2.1:4711", "192.0.2.1"), ("[2001:db8::1]", "2001:db8::1"), ("[2001:db8::1]:80", "2001:db8::1"),
            ("\"[2001:db8::1]:80\"", "2001:db8::1"), ("2001:db8::1", "2001:db8::1"), ("\t192.0.2.1 ", "192.0.2.1"),
            ("::ffff:192.0.2.1", "192.0.2.1"), ("[::ffff:10.0.0.7]", "10.0.0.7"),
        ])
    func forms(text: String, address: String) throws { #expect(try caller(text) == address) }

    @Test(
        "What a trusted proxy says and cannot be read is refused",
        arguments: [
            "", "unknown", "_hidden", "192.0.2.1,", ", 192.0.2.1,", "192.0.2.256", "192.0.2.1:", "192.0.2.1:123456",
            "192.0.2.1:x",
            "[192.0.2.1]", "[2001:db8::1", "[2001:db8::1]80", "[2001:db8::1]:", "2001:db8::1]:80", "\"192.0.2.1",
            "192.0.2.1 192.0.2.2", "fe80::1%eth0",
        ])
    func unreadable(text: String) { #expect(throws: MalformedMessage.self) { try caller(text) } }
}
