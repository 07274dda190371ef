import Concurrency
import Foundation
import HTTP
import Testing

@testable import HTTPClient

/// - Parameter limit: for bodies.
func send(
    _ request: HTTPClientRequest, timeout: Duration = .seconds(300), upTo limit: Int = 1 << 20,
    _ change: (inout HTTP1Client.Configuration) -> Void = { _ in }
) async throws -> HTTPClientResponse {
    var configuration = HTTP1Client.Configuration()
    configuration.proxies = .none
    change(&configuration)
    return try await HTTP1Client(configuration).execute(request, timeout: timeout, upTo: limit)
}

@Suite("A request and its answer")
struct ExchangeTests {
    @Test("A request has what it was given, a host, and nothing else")
    func plain() async throws {
        let server = try StandIn.answering(ok("hello", "X-One: 1\r\nX-Two:  2 \r\nx-one: 3\r\n"))
        var request = HTTPClientRequest(url: server.url + "/base/", path: "/a/../b?c=%20d")
        try request.add(.authorization, "Bearer abc")
        let answer = try await send(request)
        #expect(answer.status == .ok && answer.text == "hello")
        #expect(
            answer.headers.map { "\($0.name): \($0.value)" } == [
                "Content-Length: 5", "X-One: 1", "X-Two: 2", "x-one: 3",
            ])
        #expect(
            server.heads == [
                "GET /base/a/../b?c=%20d HTTP/1.1\r\nHost: 127.0.0.1:\(server.port)\r\nAuthorization: Bearer abc\r\n\r\n"
            ])
    }

    @Test("Each method goes with a body or without", arguments: ["POST", "PUT", "PATCH", "DELETE", "QUERY"])
    func methods(method: String) async throws {
        let bodies = Lock<[[UInt8]]>([])
        let server = try StandIn { standIn, connection in
            while let head = connection.head() {
                standIn.note(head)
                let body = head.contains("Content-Length: 300000") ? connection.body(300_000) : []
                bodies.withLock { $0.append(body) }
                connection.write(ok(""))
            }
        }
        let name = try #require(HTTPRequest.Method(method))
        let body = (0..<300_000).map { UInt8(truncatingIfNeeded: $0) }
        _ = try await send(HTTPClientRequest(name, url: server.url, headers: [.contentType: "text/plain"], body: body))
        _ = try await send(HTTPClientRequest(name, url: server.url, body: []))
        _ = try await send(HTTPClientRequest(name, url: server.url))
        #expect(bodies.withLock { $0 } == [body, [], []])
        let host = "\(method) / HTTP/1.1\r\nHost: 127.0.0.1:\(server.port)\r\n"
        let hasLength = ["POST", "PUT", "PATCH"].contains(method)
        #expect(
            server.heads == [
                host + "Content-Type: text/plain\r\nContent-Length: 300000\r\n\r\n", host + "Content-Length: 0\r\n\r\n",
                host + (hasLength ? "Content-Length: 0\r\n" : "") + "\r\n",
            ])
    }

    @Test("HEAD has an answer without a body")
    func head() async throws {
        let server = try StandIn.answering("HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n")
        for _ in 0..<2 {
            let answer = try await send(HTTPClientRequest(.head, url: server.url))
            #expect(answer.status == .ok && answer.body.isEmpty && answer.headers[.contentLength] == "5")
        }
    }

    @Test("A field without a value is sent as one")
    func emptyField() async throws {
        let server = try StandIn.answering(ok())
        let name = try #require(HTTPField.Name("X-Empty"))
        _ = try await send(HTTPClientRequest(url: server.url, headers: [name: "", .accept: "text/plain"]))
        #expect(server.heads.first?.contains("\r\nX-Empty:\r\nAccept: text/plain\r\n\r\n") == true)
    }

    @Test("A chunked answer is put together, and what follows it is not taken for its fields")
    func chunked() async throws {
        let server = try StandIn.answering(
            "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nX-A: head\r\n\r\n3\r\nabc\r\n2;x=y\r\nde\r\n0\r\nX-A: tail\r\n\r\n"
        )
        let answer = try await send(HTTPClientRequest(url: server.url))
        #expect(answer.text == "abcde")
        #expect(answer.headers[values: try #require(HTTPField.Name("X-A"))] == ["head"])
    }

    @Test("An answer without a length ends with the connection")
    func untilClose() async throws {
        let server = try StandIn { standIn, connection in
            _ = connection.head()
            connection.write("HTTP/1.1 200 OK\r\nConnection: close\r\n\r\nall of it")
        }
        #expect(try await send(HTTPClientRequest(url: server.url)).text == "all of it")
    }

    @Test("Answers before the answer are passed over")
    func interim() async throws {
        let server = try StandIn.answering(
            "HTTP/1.1 103 Early Hints\r\nX-A: early\r\n\r\nHTTP/1.1 100 Continue\r\n\r\n" + ok("late", "X-A: late\r\n"))
        let answer = try await send(HTTPClientRequest(url: server.url))
        #expect(answer.status == .ok && answer.text == "late")
        #expect(answer.headers[values: try #require(HTTPField.Name("X-A"))] == ["late"])
    }

    @Test("A redirect is an answer, and nobody follows it", arguments: [301, 302, 303, 307, 308])
    func redirect(status: Int) async throws {
        let server = try StandIn.answering("HTTP/1.1 \(status) X\r\nLocation: /elsewhere\r\nContent-Length: 0\r\n\r\n")
        let answer = try await send(HTTPClientRequest(.post, url: server.url, body: [1]))
        #expect(answer.status.code == status && answer.headers[.location] == "/elsewhere")
        #expect(server.heads.count == 1)
    }

    @Test("A refusal that comes before the body has been sent is the answer")
    func earlyRefusal() async throws {
        let server = try StandIn { _, connection in
            _ = connection.head()
            connection.write("HTTP/1.1 413 Content Too Large\r\nContent-Length: 4\r\nConnection: close\r\n\r\nlong")
            connection.waitForEnd()
        }
        let body = [UInt8](repeating: 0x20, count: 50 << 20)
        let answer = try await send(HTTPClientRequest(.post, url: server.url, body: body))
        #expect(answer.status == .contentTooLarge && answer.text == "long")
    }

    @Test("A connection is used again, and one that the server closed meanwhile is replaced without a word")
    func reuse() async throws {
        let numbers = Lock<[Int]>([])
        let server = try StandIn { standIn, connection in
            for _ in 0..<2 {
                guard let head = connection.head() else { return }
                standIn.note(head)
                numbers.withLock { $0.append(connection.number) }
                connection.write(ok("\(connection.number)"))
            }
        }
        for _ in 0..<6 { _ = try await send(HTTPClientRequest(.post, url: server.url, body: [1, 2, 3])) }
        let used = numbers.withLock { $0 }
        // Other tests' connections may take the place of an idle one.
        #expect(used.count == 6 && Set(used).count < 6 && Set(used).count >= 3)
    }

    @Test("Many requests at once each have their own answer")
    func many() async throws {
        let server = try StandIn { standIn, connection in
            standIn.serve(connection) { head in ok(String(head.split(separator: " ")[1])) }
        }
        try await withThrowingTaskGroup(of: Void.self) { group in
            for number in 0..<100 {
                group.addTask {
                    let answer = try await send(HTTPClientRequest(url: server.url, path: "/\(number)"))
                    #expect(answer.text == "/\(number)")
                }
            }
            try await group.waitForAll()
        }
    }

    @Test("A server on a Unix socket is asked by the socket's path")
    func unixSocket() async throws {
        let folder = FileManager.default.temporaryDirectory.appending(path: UUID().uuidString)
        try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
        defer { try? FileManager.default.removeItem(at: folder) }
        let path = folder.appending(path: "s").path(percentEncoded: false)
        let server = try StandIn(socket: path) { standIn, connection in standIn.serve(connection) { _ in ok("here") } }
        let answer = try await send(HTTPClientRequest(url: "unix:\(path)", path: "/livez")) {
            $0.proxies = ProxySettings(environment: ["http_proxy": "http://127.0.0.1:1"])
        }
        #expect(answer.text == "here")
        #expect(server.heads == ["GET /livez HTTP/1.1\r\nHost: localhost\r\n\r\n"])
    }
}
