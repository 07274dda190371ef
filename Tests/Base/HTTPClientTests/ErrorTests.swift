import Foundation
import HTTP
import Testing

@testable import HTTPClient

@Suite("Errors are sentences with the address, and hold no secret")
struct ErrorTests {
    @Test("Nothing listens")
    func refused() async throws {
        let error = try await failure(HTTPClientRequest(url: "http://127.0.0.1:1/path?query"))
        #expect(error.reason == .refused)
        #expect(
            error.description == "Nothing listens on 127.0.0.1:1: is the server running, and is that its port?")
    }

    @Test("A name that has no address")
    func name() async throws {
        let error = try await failure(HTTPClientRequest(url: "http://nobody.invalid:8080"))
        #expect(error.reason == .name || error.reason == .time, "\(error)")
        #expect(error.description.contains("nobody.invalid"))
    }

    @Test("A socket that is not there, and one on which nobody listens")
    func socket() async throws {
        let missing = try await failure(HTTPClientRequest(url: "unix:/nowhere/kbs.sock", path: "/"))
        #expect(missing.reason == .refused)
        #expect(
            missing.description == "The file of the socket /nowhere/kbs.sock does not exist: is the server running?")
        let path = FileManager.default.temporaryDirectory.appending(path: UUID().uuidString).path(percentEncoded: false)
        let left = Glibc.socket(AF_UNIX, Int32(SOCK_STREAM.rawValue), 0)
        var address = sockaddr_un()
        address.sun_family = sa_family_t(AF_UNIX)
        withUnsafeMutableBytes(of: &address.sun_path) { $0.copyBytes(from: path.utf8) }
        let isBound = withUnsafePointer(to: &address) { pointer in
            pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                bind(left, $0, socklen_t(MemoryLayout<sockaddr_un>.size)) == 0
            }
        }
        try #require(isBound)
        close(left)
        defer { unlink(path) }
        let stale = try await failure(HTTPClientRequest(url: "unix:\(path)", path: "/"))
        #expect(stale.reason == .refused && stale.description.contains("Nothing listens"), "\(stale)")
    }

    @Test("Something else than HTTP, as a port with TLS would answer", arguments: [true, false])
    func notHTTP(isAlert: Bool) async throws {
        let server = try StandIn { _, connection in
            _ = connection.head()
            connection.write(isAlert ? [0x15, 0x03, 0x01, 0x00, 0x02, 0x02, 0x46] : Array("SSH-2.0-OpenSSH\r\n".utf8))
        }
        let error = try await failure(HTTPClientRequest(url: server.url))
        #expect(error.reason == .notHTTP)
        #expect(
            error.description
                == "127.0.0.1:\(server.port) does not speak HTTP: if it expects TLS, use https://.")
    }

    @Test("https to a port without TLS")
    func notTLS() async throws {
        let server = try StandIn { _, connection in
            _ = connection.read()
            connection.write("HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\n\r\n")
        }
        let error = try await failure(HTTPClientRequest(url: "https://127.0.0.1:\(server.port)"))
        #expect(error.reason == .tls)
        #expect(
            error.description
                == "127.0.0.1:\(server.port) does not speak TLS: use http://, or the port where it speaks TLS.")
    }

    @Test("A connection that is closed before the answer, in its middle, and during the handshake")
    func interrupted() async throws {
        let mute = try StandIn { _, connection in _ = connection.head() }
        let cut = try StandIn { _, connection in
            _ = connection.head()
            connection.write("HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nabc")
        }
        for server in [mute, cut] {
            let error = try await failure(HTTPClientRequest(url: server.url))
            #expect(error.reason == .interrupted)
            #expect(
                error.description
                    == "127.0.0.1:\(server.port) closed the connection before its response was complete.")
        }
        let hasty = try StandIn { _, connection in _ = connection.read() }
        let error = try await failure(HTTPClientRequest(url: "https://127.0.0.1:\(hasty.port)"))
        #expect(error.reason == .interrupted && error.description.contains("TLS handshake"), "\(error)")
    }

    @Test(
        "A field whose value holds a line end or another control character is never sent",
        arguments: ["a\n", "a\r\nX-Evil: 1", "a\rb", "a\0b", "a\u{7F}", "a\u{E9}"])
    func fields(value: String) async throws {
        let server = try StandIn.answering(ok())
        let request = HTTPClientRequest(url: server.url, headers: [.authorization: value])
        let error = try await failure(request)
        #expect(error.reason == .request)
        #expect(
            error.description.hasPrefix("The value of the field Authorization holds an invalid character (at 2"))
        #expect(throws: HTTPClientError.self) {
            var request = HTTPClientRequest(url: server.url)
            try request.add(.authorization, value)
        }
        #expect(server.heads.isEmpty)
    }

    @Test(
        "Fields that frame the message are not the caller's",
        arguments: ["Host", "content-length", "Transfer-Encoding"])
    func framing(name: String) async throws {
        let field = try #require(HTTPField.Name(name))
        let error = try await failure(HTTPClientRequest(url: "http://127.0.0.1:1", headers: [field: "1"]))
        #expect(error.reason == .request)
    }

    @Test("No error tells a token, a path, a query, a body or a proxy's password")
    func marked() async throws {
        let mark = "kbs_0123456789"
        // A port on which nothing listens, nor will: others' tests take those that were given back.
        let closed = 1
        let mute = try StandIn { _, connection in _ = connection.head() }
        let silent = try StandIn { _, connection in connection.waitForEnd() }
        let noise = try StandIn { _, connection in
            _ = connection.head()
            connection.write("\(mark)\r\n")
        }
        let long = try StandIn.answering(ok("\(mark)\(mark)"))
        let refusing = try StandIn.answering("HTTP/1.1 407 No\r\nX: \(mark)\r\nContent-Length: 0\r\n\r\n")
        let places = [
            "http://127.0.0.1:\(closed)", mute.url, silent.url, noise.url, long.url, "http://nobody.invalid",
            "https://127.0.0.1:\(silent.port)", "https://127.0.0.1:\(noise.port)", "https://127.0.0.1:\(mute.port)",
            "unix:/nowhere", "http://user:\(mark)@127.0.0.1", "http://127.0.0.1:\(mark)", "http://[\(mark)]",
            "\(mark)://127.0.0.1", mark, "http://\(mark) ", "http://192.0.2.1",
        ]
        for place in places {
            for field in ["Bearer \(mark)", "Bearer \(mark)\n"] {
                let request = HTTPClientRequest(
                    .post, url: place, path: "/\(mark)?\(mark)", headers: [.authorization: field],
                    body: Array(mark.utf8))
                let error = try await failure(request, timeout: .milliseconds(300), upTo: 5)
                let text = "\(error)" + String(reflecting: error)
                #expect(!text.contains("0123456789"), "\(place)")
            }
        }
        let proxies = [
            "http://user:\(mark)@127.0.0.1:\(closed)", "http://user:\(mark)@127.0.0.1:\(mute.port)",
            "http://user:\(mark)@127.0.0.1:\(refusing.port)", "http://user:\(mark)@nobody.invalid",
            "http://user:\(mark)@[", "socks5://user:\(mark)@127.0.0.1",
        ]
        for proxy in proxies {
            for scheme in ["http", "https"] {
                let request = HTTPClientRequest(
                    url: "\(scheme)://kbs.example.org", headers: [.authorization: "Bearer \(mark)"])
                let error = try await failure(request, timeout: .milliseconds(300)) {
                    $0.proxies = ProxySettings(environment: ["http_proxy": proxy, "https_proxy": proxy])
                }
                let text = "\(error)" + String(reflecting: error)
                #expect(!text.contains("0123456789"), "\(text)")
            }
        }
    }
}
