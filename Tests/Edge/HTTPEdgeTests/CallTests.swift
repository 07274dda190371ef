import Broker
import Bytes
import EdgeSupport
import Formats
import Foundation
import HTTP
import HTTPEdge
import HTTPServer
import Logging
import Testing

@Suite("Calls are found by method and path")
struct CallTableTests {
    /// Calls that answer with their own names and what stood in the path.
    private static func calls() -> [Call] {
        func get(_ path: CallPath, _ answer: @escaping @Sendable (Request) async throws -> Response) -> Call {
            Call(.get, path, label: "test", form: PlainText(), answer: answer)
        }
        func says(_ path: CallPath, _ text: String) -> Call { get(path) { _ in Response(status: .ok, text: text) } }
        let names = ["repository", "type", "tag"]
        return [
            says("", "top"), says("kbs/v0", "calls"), says("kbs/v0/", "calls, with a slash"),
            Call(.post, "kbs/v0/auth", label: "test", body: .upTo(10), form: PlainText()) {
                Response(status: .ok, text: "auth \(try await $0.bytes().count)")
            },
            get("kbs/v0/key/**key") {
                Response(status: .ok, text: "\($0.parameters["key"] ?? "none") of \($0.uri.path)")
            },
            get("api/v1/resources/:repository/:type/:tag") { request in
                Response(status: .ok, text: names.map { String(request.parameters[$0] ?? "") }.joined(separator: "|"))
            },
            says("api/v1/resources/:repository/:type/:tag/versions", "versions"),
            says("api/v1/resources/a/b/c", "literal"),
            get("fails") { _ in throw HTTPError(.conflict, headers: [.retryAfter: "3"], message: "Not now.") },
            get("refuses") { _ in throw Refusal(.inUse, "Something depends on it.", retryAfter: 7) },
            get("breaks") { _ in throw Oddity() },
            get("cookies") { Response(status: .ok, text: $0.cookies(named: "id").joined(separator: "|")) },
            get("query") {
                Response(
                    status: .ok, text: $0.uri.queryParameters.map { "\($0.name)=\($0.value)" }.joined(separator: ";"))
            },
        ]
    }

    private struct Oddity: Error {}

    private func exchange(_ request: String, _ calls: [Call] = calls()) async throws -> String {
        let logger = Logger(label: "edge") { _ in NoOpLogHandler() }
        let table = CallTable(calls, otherwise: PlainText())
        var reply = ""
        try await TestServer.run(handler: { incoming in
            var request = Request(head: incoming.head, body: .incoming(incoming.body), from: incoming.peer)
            let match = table.match(request.method, request.uri.path)
            do {
                let (call, parameters) = try match.call(request.method)
                request.parameters = parameters
                if case .upTo(let longest) = call.body { request.longestBody = longest }
                guard case .open(let answer) = call.handler else { throw HTTPError(.forbidden) }
                return try await answer(request).outgoing
            } catch {
                return match.form().response(toThrown: error, of: request, logger: logger).outgoing
            }
        }) {
            reply = try await $0.exchange(request)
        }
        return reply
    }

    private func get(_ path: String) async throws -> String {
        try await exchange("GET \(path) HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
    }

    @Test(
        "A path leads to its route",
        arguments: [
            ("/", "top"), ("/kbs/v0", "calls"), ("/kbs/v0/", "calls, with a slash"),
            ("/kbs/v0/key/web", "web of /kbs/v0/key/web"),
            ("/api/v1/resources/a/b/d", "a|b|d"), ("/api/v1/resources/a/b/c", "literal"),
            ("/api/v1/resources/a/b/c/versions", "versions"), ("/api/v1/resources/%2F/b%20/c", "%2F|b%20|c"),
            ("/query?a=1&b=%2F+x&c", "a=1;b=/+x;c="), ("/query?broken=%zz", "broken=%zz"),
            ("/query?", ""), ("/query?a=1&", "a=1"), ("/query?&", "="), ("/query?&a=1", "=;a=1"),
            ("/query?%61=%ff&b=%2", "%61=\u{FFFD};b=%2"),
        ])
    func paths(_ path: String, _ answer: String) async throws {
        let reply = try await get(path)
        #expect(reply.hasPrefix("HTTP/1.1 200"))
        #expect(reply.hasSuffix("\r\n\r\n" + answer))
    }

    @Test("What is behind ** stands there as it was sent, slashes and all")
    func rest() async throws {
        #expect(try await get("/kbs/v0/key//a//b/").hasSuffix("/a//b/ of /kbs/v0/key//a//b/"))
    }

    @Test(
        "Each path has exactly one form: a proxy's rules and this server's then speak of the same path",
        arguments: [
            "//", "/query/", "/kbs//v0", "/kbs/v0/auth/", "//api/v1/resources/a/b/d", "/api//v1/resources/a/b/d",
            "/api/v1/resources/a/b/d/", "/api/v1/resources//b/d", "/api/v1/resources/a/b", "/kbs/v0/key",
            "/kbs/v0/key/",
            "/api/v1/resources/a/b/c/d", "/KBS/v0", "/%6bbs/v0", "//kbs/v0", "///kbs/v0/key/web", "/kbs/./v0",
        ])
    func oneForm(_ path: String) async throws { #expect(try await get(path).hasPrefix("HTTP/1.1 404")) }

    @Test(
        "A cookie is found on any line and in any place, as often as it stands there, by its very name",
        arguments: [
            ("Cookie: id=a; other=x; id=b\r\nCookie:  id=c", "a|b|c"), ("Cookie: id=a=b;id=", "a=b|"),
            ("Cookie: xid=a; id =b; ID=c; i; id", ""), ("Cookie: ;;id=a;", "a"),
            // A combining mark after the sign makes one character with it, and is still the value's.
            ("Cookie: id=\u{301}; id=a", "\u{301}|a"),
        ])
    func cookies(lines: String, found: String) async throws {
        let reply = try await exchange("GET /cookies HTTP/1.1\r\nHost: kbs\r\n\(lines)\r\n\r\n")
        #expect(reply.hasSuffix("\r\n\r\n" + found))
    }

    @Test("HEAD has GET's status and headers, and no body", arguments: ["/", "/kbs/v0/key/web", "/nowhere", "/fails"])
    func head(_ path: String) async throws {
        let get = try await get(path)
        let head = try await exchange("HEAD \(path) HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
        func fields(_ reply: String) -> [Substring] {
            let end = reply.range(of: "\r\n\r\n")?.lowerBound ?? reply.endIndex
            return reply[..<end].split(separator: "\r\n").filter { !$0.hasPrefix("Date:") }
        }
        #expect(fields(head) == fields(get))
        #expect(head.hasSuffix("\r\n\r\n"))
    }

    @Test("Another method of a path that there is is told which ones it takes")
    func methods() async throws {
        for method in ["DELETE", "POST", "OPTIONS", "TRACE"] {
            let reply = try await exchange("\(method) /kbs/v0 HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
            #expect(reply.hasPrefix("HTTP/1.1 405"), "\(method)")
            #expect(reply.contains("Allow: GET, HEAD\r\n"))
            #expect(reply.hasSuffix("This path takes GET and not \(method)."))
        }
        let reply = try await get("/kbs/v0/auth")
        #expect(reply.hasPrefix("HTTP/1.1 405") && reply.contains("Allow: POST\r\n"))
    }

    @Test("A thrown error is its status and sentence; what nobody expected is 503 and says nothing")
    func errors() async throws {
        let refused = try await get("/fails")
        #expect(refused.hasPrefix("HTTP/1.1 409"))
        #expect(refused.contains("Retry-After: 3\r\n"))
        #expect(refused.hasSuffix("Not now."))
        let inUse = try await get("/refuses")
        #expect(inUse.hasPrefix("HTTP/1.1 409") && inUse.contains("Retry-After: 7\r\n"))
        #expect(inUse.hasSuffix("in_use: Something depends on it."))
        let broken = try await get("/breaks")
        #expect(broken.hasPrefix("HTTP/1.1 503"))
        #expect(!broken.contains("Oddity"))
    }

    @Test("A body over the handler's limit is 413, with a length and in chunks")
    func longBodies() async throws {
        let head = "POST /kbs/v0/auth HTTP/1.1\r\nHost: x\r\nConnection: close\r\n"
        let counted = try await exchange(head + "Content-Length: 11\r\n\r\n01234567890")
        #expect(counted.hasPrefix("HTTP/1.1 413"))
        #expect(counted.hasSuffix("The body is longer than 10 bytes."))
        let chunked = try await exchange(head + "Transfer-Encoding: chunked\r\n\r\nb\r\n01234567890\r\n0\r\n\r\n")
        #expect(chunked.hasPrefix("HTTP/1.1 413"))
        #expect(try await exchange(head + "Content-Length: 10\r\n\r\n0123456789").hasSuffix("auth 10"))
    }

    @Test("Chunks that are none are the client's fault: 400")
    func brokenChunks() async throws {
        let reply = try await exchange(
            "POST /kbs/v0/auth HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n")
        #expect(reply.hasPrefix("HTTP/1.1 400"))
    }

    @Test("A body that was collected can be read again, within its limit")
    func collected() async throws {
        let twice = Call(.post, "twice", label: "test", body: .upTo(100), form: PlainText()) { request in
            var request = request
            let first = try await request.collectBody()
            let second = try await request.bytes()
            #expect(first == second)
            request.longestBody = 3
            _ = try await request.bytes()
            return Response(status: .ok)
        }
        let reply = try await exchange(
            "POST /twice HTTP/1.1\r\nHost: x\r\nConnection: close\r\nContent-Length: 4\r\n\r\nabcd", [twice])
        #expect(reply.hasPrefix("HTTP/1.1 413"))
    }

    @Test("Where there is nothing, the form is that of the longest known beginning, and the label is everybody's")
    func nothing() {
        let table = CallTable(
            Self.calls(), elsewhere: [("/kbs/v0/", Form(name: "inner"))], otherwise: Form(name: "outer"))
        func name(_ path: String) -> String? { (table.match(.get, path).form() as? Form)?.name }
        #expect(name("/kbs/v0/none") == "inner" && name("/none") == "outer")
        #expect(table.match(.get, "/none").label == "other" && table.match(.put, "/kbs/v0").label == "test")
    }

    private struct Form: FailureForm {
        let name: String
        func response(to refusal: Refusal, status: HTTPResponse.Status?) -> Response { Response(status: .ok) }
        func response(to error: HTTPError) -> Response { Response(status: .ok) }
    }
}

@Suite("The description of an API is made from its calls")
struct DescriptionTests {
    private struct Part: Codable, DescribedReply {
        enum Color: String, Codable, CaseIterable { case red, green }
        static let details = ["count": "How many."]
        let count: Int
        let color: Color?
        let when: Date
    }
    private struct Whole: Codable {
        let parts: [Part]
        let names: [String: String]
        let next: Int64?
    }

    @Test("A reply's schema is what its type reads")
    func reply() throws {
        let schema = Schema(of: Whole.self)
        let api = APIDescription(title: "t", detail: "d", names: ["id": .text(pattern: "^a$")], failure: .bool)
        let call = Call(
            .delete, "wholes/:id", label: "wholes", right: .permission(.audit), form: PlainText(),
            operation: Operation("remove", "Remove", "At once.", replies: [.init(.ok, "Done.", schema)])
        ) { _, _ in Response(status: .ok) }
        let hidden = Call(.get, "hidden", label: "hidden", form: PlainText()) { _ in Response(status: .ok) }
        let document = api.document([call, hidden])
        #expect(document["paths"]?.members?.map(\.name) == ["/wholes/{id}"])
        let item = try #require(document["paths"]?["/wholes/{id}"]?["delete"])
        #expect(item["description"] == "At once. Role: auditor or admin.")
        #expect(item["responses"]?.members?.map(\.name) == ["200", "400", "401", "403", "404", "429", "503"])
        let schemas = try #require(document["components"]?["schemas"])
        #expect(
            schemas["Whole"] == [
                "type": "object", "required": ["parts", "names"],
                "properties": [
                    "parts": ["type": "array", "items": ["$ref": "#/components/schemas/Part"]],
                    "names": ["type": "object", "additionalProperties": ["type": "string"]],
                    "next": ["type": "integer", "format": "int64"],
                ],
            ])
        #expect(
            schemas["Part"] == [
                "type": "object", "required": ["count", "when"],
                "properties": [
                    "count": ["type": "integer", "description": "How many."],
                    "color": ["type": "string", "enum": ["red", "green"]],
                    "when": ["type": "string", "format": "date-time"],
                ],
            ])
    }
}
