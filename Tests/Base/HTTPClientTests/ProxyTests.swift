import Concurrency
import Foundation
import HTTP
import Testing

@testable import HTTPClient

@Suite("Which proxy a request goes through")
struct ProxySettingsTests {
    private func proxy(_ url: String, _ environment: [String: String]) throws -> Proxy? {
        try ProxySettings(environment: environment).proxy(for: Destination(url, "/"))
    }

    @Test("Each scheme has its own variable")
    func schemes() throws {
        let environment = ["http_proxy": "http://plain:3128", "https_proxy": "secure.example.org"]
        #expect(try proxy("http://kbs", environment)?.name == "plain:3128")
        #expect(try proxy("https://kbs", environment)?.name == "secure.example.org:80")
        #expect(try proxy("https://kbs", ["HTTPS_PROXY": "https://Upper/"])?.url == "https://upper:443")
        #expect(try proxy("https://kbs", ["https_proxy": "a", "HTTPS_PROXY": "b"])?.name == "a:80")
        #expect(try proxy("https://kbs", ["https_proxy": "", "HTTPS_PROXY": "b"])?.name == "b:80")
        #expect(try proxy("https://kbs", ["https_proxy": "http://[fd00::1]:3128"])?.url == "http://[fd00::1]:3128")
        for environment in [[:], ["https_proxy": "http://plain"], ["HTTP_PROXY": "http://evil"], ["http_proxy": ""]] {
            #expect(try proxy("http://kbs", environment) == nil, "\(environment)")
        }
    }

    @Test("Credentials are read without their percent encoding, and are no part of the name")
    func credentials() throws {
        let found = try #require(try proxy("http://kbs", ["http_proxy": "http://us%40er:p%3A%2F:w@proxy:3128/"]))
        #expect(found.user == "us@er" && found.password == "p:/:w")
        #expect(found.name == "proxy:3128" && found.url == "http://proxy:3128")
        let nameOnly = try #require(try proxy("http://kbs", ["http_proxy": "user@proxy"]))
        #expect(nameOnly.user == "user" && nameOnly.password == "")
    }

    @Test(
        "A value that is no proxy is an error where it is needed, and does not send the request past it",
        arguments: [
            "socks5://proxy:1080", "http://", "http://proxy:port", "http://proxy/path", "http://user%3Ax:p@proxy",
            "http://%00:p@proxy", "http://u:%zz@proxy", "http://u:%f@proxy", "http://:p@proxy", "http://u:%FF@proxy",
            "http://pro xy", "http://127.1:3128",
        ])
    func unusable(value: String) throws {
        let error = #expect(throws: HTTPClientError.self) { try proxy("https://kbs", ["https_proxy": value]) }
        #expect(error?.reason == .proxy)
        #expect(
            error?.description
                == "https_proxy is not a proxy's address, such as http://proxy.example.org:3128.")
        #expect(try proxy("http://kbs", ["https_proxy": value]) == nil)
    }

    @Test("Loopback and sockets go round every proxy")
    func loopback() throws {
        let environment = ["http_proxy": "http://proxy"]
        for url in ["http://localhost", "http://a.localhost", "http://127.3.2.1:8080", "http://[::1]", "unix:/run/s"] {
            #expect(try proxy(url, environment) == nil, "\(url)")
        }
        #expect(try proxy("http://10.0.0.1", environment) != nil)
    }

    @Test(
        "no_proxy: names with what is under them, addresses, networks, ports, everything",
        arguments: [
            (
                "example.org", ["example.org", "kbs.example.org", "a.b.example.org", "EXAMPLE.org", "example.org."],
                ["example.com", "myexample.org", "org", "example.org.evil"]
            ),
            (".example.org", ["example.org", "kbs.example.org"], ["myexample.org"]),
            ("Kbs.Example.ORG.", ["kbs.example.org"], ["example.org"]),
            ("a, b\tc ,,d", ["a", "b", "c", "d"], ["e"]),
            ("kbs:8443", ["kbs:8443"], ["kbs", "kbs:443"]),
            ("10.1.2.3", ["10.1.2.3", "10.1.2.3:99", "[::ffff:10.1.2.3]"], ["10.1.2.4", "10.1.2.30"]),
            ("10.1.2.3:99", ["10.1.2.3:99"], ["10.1.2.3"]),
            ("10.1.0.0/16", ["10.1.2.3", "10.1.255.255"], ["10.2.0.0", "11.1.0.0", "[fd00::1]"]),
            ("10.0.0.0/9", ["10.127.0.1"], ["10.128.0.1"]),
            ("0.0.0.0/0", ["8.8.8.8"], ["[fd00::1]", "kbs"]),
            ("fd00::/8", ["[fd12::1]"], ["[fe00::1]", "253.0.0.1"]),
            ("fd00::1", ["[fd00::1]", "[fd00:0::0:1]"], ["[fd00::2]"]),
            ("[fd00::1]:99", ["[fd00::1]:99"], ["[fd00::1]"]),
            ("*", ["kbs", "10.1.2.3", "[fd00::1]"], []),
            // What cannot be read excepts nothing.
            ("10.0.0.0/33", [], ["10.0.0.1"]), ("*.org", [], ["kbs.org"]), ("/", [], ["kbs"]), ("a:b", [], ["a"]),
        ])
    func exceptions(list: String, covered: [String], others: [String]) throws {
        for name in ["no_proxy", "NO_PROXY"] {
            let environment = ["http_proxy": "http://proxy", name: list]
            for host in covered { #expect(try proxy("http://\(host)", environment) == nil, "\(host)") }
            for host in others { #expect(try proxy("http://\(host)", environment) != nil, "\(host)") }
        }
    }
}

@Suite("Through a proxy")
struct ProxyTests {
    private func settings(_ standIn: StandIn, _ credentials: String = "", except: String = "") -> ProxySettings {
        let proxy = "http://\(credentials)127.0.0.1:\(standIn.port)"
        return ProxySettings(environment: ["http_proxy": proxy, "https_proxy": proxy, "no_proxy": except])
    }

    @Test("Plain HTTP is passed on as a whole, with the proxy's credentials")
    func plain() async throws {
        let proxy = try StandIn.answering(ok("passed on"))
        let request = HTTPClientRequest(url: "http://kbs.example.org:8080", path: "/a?b")
        let answer = try await send(request) { $0.proxies = settings(proxy, "user:pass@") }
        #expect(answer.text == "passed on")
        let head = try #require(proxy.heads.first)
        #expect(head.hasPrefix("GET http://kbs.example.org:8080/a?b HTTP/1.1\r\nHost: kbs.example.org:8080\r\n"))
        #expect(head.contains("\r\nProxy-Authorization: Basic dXNlcjpwYXNz\r\n"))
    }

    @Test("HTTPS goes through a tunnel, whose opening has the proxy's credentials and not the server's")
    func tunnel() async throws {
        let proxy = try StandIn { standIn, connection in
            guard let head = connection.head() else { return }
            standIn.note(head)
            connection.write("HTTP/1.1 200 Connection established\r\nX-Proxy: 1\r\n\r\n")
            // What comes now is the client's first message of TLS.
            standIn.note(connection.read().first == 0x16 ? "TLS" : "something else")
        }
        let request = HTTPClientRequest(
            url: "https://kbs.example.org", path: "/secret", headers: [.authorization: "Bearer kbs_token"])
        let error = try await failure(request) { $0.proxies = settings(proxy, "user:pass@") }
        #expect(error.reason == .interrupted || error.reason == .proxy)
        try #require(proxy.heads.count == 2)
        #expect(
            proxy.heads[0].hasPrefix("CONNECT kbs.example.org:443 HTTP/1.1\r\nHost: kbs.example.org:443\r\n"))
        #expect(proxy.heads[0].contains("\r\nProxy-Authorization: Basic dXNlcjpwYXNz\r\n"))
        #expect(!proxy.heads[0].contains("kbs_token") && !proxy.heads[0].contains("secret"))
        #expect(proxy.heads[1] == "TLS")
    }

    @Test("A proxy that refuses is an error of its own, and says how", arguments: [403, 502, 503])
    func refusal(status: Int) async throws {
        let proxy = try StandIn.answering("HTTP/1.1 \(status) No\r\nContent-Length: 5\r\n\r\nnever")
        let error = try await failure(HTTPClientRequest(url: "https://kbs.example.org")) {
            $0.proxies = settings(proxy)
        }
        #expect(error.reason == .proxy)
        #expect(
            error.description
                == "The proxy 127.0.0.1:\(proxy.port) refuses to connect to kbs.example.org:443 (status \(status)): "
                + "allow it there, or add the name to no_proxy.")
    }

    @Test("A proxy that wants credentials says so for either scheme", arguments: ["http", "https"])
    func credentials(scheme: String) async throws {
        let proxy = try StandIn.answering(
            "HTTP/1.1 407 Proxy Authentication Required\r\nProxy-Authenticate: Basic realm=\"x\"\r\nContent-Length: 0\r\n\r\n"
        )
        let request = HTTPClientRequest(url: "\(scheme)://kbs.example.org")
        let none = try await failure(request) { $0.proxies = settings(proxy) }
        #expect(none.reason == .proxy)
        #expect(
            none.description
                == "The proxy 127.0.0.1:\(proxy.port) requires a user and password: put them into \(scheme)_proxy, "
                + "before an @.")
        let wrong = try await failure(request) { $0.proxies = settings(proxy, "user:wrong@") }
        #expect(wrong.reason == .proxy)
        #expect(
            wrong.description
                == "The proxy 127.0.0.1:\(proxy.port) refuses the user and password of \(scheme)_proxy.")
    }

    @Test(
        "A proxy that is not there, has no address, says nothing, or something else than HTTP",
        arguments: ["http", "https"])
    func broken(scheme: String) async throws {
        let request = HTTPClientRequest(url: "\(scheme)://kbs.example.org")
        func ask(_ proxy: String, _ time: Duration = .seconds(300)) async throws -> HTTPClientError {
            try await failure(request, timeout: time) {
                $0.proxies = ProxySettings(environment: ["\(scheme)_proxy": proxy])
            }
        }
        let closed = 1
        let absent = try await ask("127.0.0.1:\(closed)")
        #expect(absent.reason == .proxy)
        #expect(absent.description == "The proxy 127.0.0.1:\(closed) (\(scheme)_proxy) cannot be reached.")
        let nameless = try await ask("nobody.invalid:3128")
        #expect(nameless.reason == .proxy || nameless.reason == .time)
        #expect(nameless.description.contains("nobody.invalid:3128"))
        let hasty = try StandIn { _, connection in _ = connection.head() }
        let gone = try await ask("127.0.0.1:\(hasty.port)")
        #expect(gone.reason == .proxy && gone.description.contains("closed the connection"), "\(gone)")
        let mute = try StandIn { _, connection in connection.waitForEnd() }
        let silent = try await ask("127.0.0.1:\(mute.port)", .seconds(2))
        #expect(
            silent.reason == .time && silent.description.contains("through the proxy 127.0.0.1:\(mute.port)"),
            "\(silent)")
    }

    @Test("What no_proxy lists goes there directly, and other environment is not looked at")
    func direct() async throws {
        let proxy = try StandIn.answering(ok("proxy"))
        let server = try StandIn.answering(ok("server"))
        let answer = try await send(HTTPClientRequest(url: server.url)) { $0.proxies = settings(proxy) }
        #expect(answer.text == "server")
        let error = try await failure(HTTPClientRequest(url: "http://nobody.invalid"), timeout: .seconds(5)) {
            $0.proxies = settings(proxy, except: "invalid")
        }
        #expect(error.reason == .name || error.reason == .time)
        #expect(proxy.heads.isEmpty)
    }
}
