import Testing

@testable import HTTPClient

@Suite("URLs")
struct DestinationTests {
    @Test(
        "What a URL says, written out in one form",
        arguments: [
            ("http://kbs.example.org", "", "http://kbs.example.org:80/"),
            ("HTTPS://KBS.Example.org", "/a", "https://kbs.example.org:443/a"),
            ("https://kbs.example.org:8443/", "/a/b?c=d", "https://kbs.example.org:8443/a/b?c=d"),
            ("https://kbs.example.org/base", "/a", "https://kbs.example.org:443/base/a"),
            ("https://idp.example.org/keys?set=1", "", "https://idp.example.org:443/keys?set=1"),
            ("https://idp.example.org?set=1", "", "https://idp.example.org:443/?set=1"),
            ("http://127.0.0.1:8080", "/x", "http://127.0.0.1:8080/x"),
            ("http://[::1]:8080", "/x", "http://[::1]:8080/x"),
            ("http://kbs.example.org.", "/x", "http://kbs.example.org.:80/x"),
            ("http://a_b-c", "/x", "http://a_b-c:80/x"),
        ])
    func read(url: String, path: String, whole: String) throws {
        #expect(try Destination(url, path).url == whole)
    }

    @Test("A socket's path")
    func socket() throws {
        let destination = try Destination("unix:/run/kbs/kbs.sock", "/livez?x")
        #expect(destination.socket == "/run/kbs/kbs.sock" && destination.target == "/livez?x")
        #expect(destination.name == "the socket /run/kbs/kbs.sock")
        #expect(destination.url == "http://localhost:80/livez?x")
    }

    @Test(
        "What could be read in two ways, or not at all, is refused",
        arguments: [
            "", "kbs.example.org", "ftp://kbs.example.org", "file:///etc/passwd", "http:/kbs", "http:kbs", "http://",
            "http:///path", "http://user@kbs", "http://user:password@kbs", "http://kbs:", "http://kbs:0",
            "http://kbs:65536", "http://kbs:080808", "http://kbs:-1", "http://kbs:80:81", "http://a b", "http://a\tb",
            "http://a\nb", "http://a\0b", "http://127.1", "http://0x7f000001", "http://2130706433", "http://0177.0.0.1",
            "http://127.0.0.1.", "http://256.1.1.1", "http://[::1", "http://::1", "http://[127.0.0.1]", "http://[::1]x",
            "http://[::1\0]", "http://[fe80::1%eth0]", "http://kbs..org", "http://.", "http://.kbs", "http://k%62s",
            "http://\u{E9}.org", "http://kbs\\@evil.org", "http://kbs/a b", "http://kbs/a#b", "http://kbs#b",
            "http://kbs/\u{E9}", "http://kbs/a\r\nX: y", "http://kbs/\"", "unix:", "unix:relative",
            "unix:/\(String(repeating: "a", count: 107))", "unix:/a\0b",
        ])
    func refused(url: String) {
        let error = #expect(throws: HTTPClientError.self) { try Destination(url, url.hasPrefix("unix") ? "/" : "") }
        #expect(error?.reason == .request)
    }

    @Test(
        "Loopback by any of its names is local",
        arguments: ["localhost", "a.localhost", "127.9.9.9", "[::1]", "[::ffff:127.0.0.1]"])
    func local(host: String) throws { #expect(try Destination("http://\(host)", "").isLocal) }

    @Test(
        "Others are not",
        arguments: ["localhost.example.org", "128.0.0.1", "[::2]", "[::ffff:128.0.0.1]", "notlocalhost"])
    func notLocal(host: String) throws { #expect(try !Destination("http://\(host)", "").isLocal) }
}
