import EdgeSupport
import Foundation
import HTTP
import HTTPEdge
import Logging
import Testing

@Suite("Routes, over a real socket")
struct RouterTests {
    /// Routes that answer with their own names and what stood in the path.
    private static func router() -> Router<BasicRequestContext> {
        let router = Router()
        router.get("") { _, _ in Response(status: .ok, text: "top") }
        let calls = router.group("kbs/v0")
        calls.get("") { _, _ in Response(status: .ok, text: "calls") }
        calls.post("auth") { request, _ in
            Response(status: .ok, text: "auth \(try await request.body.collect(upTo: 10).count)")
        }
        calls.get("key/**") { request, context in
            Response(status: .ok, text: "\(context.endpointPath ?? "none") of \(request.uri.path)")
        }
        router.get("kbs/v0/") { _, _ in Response(status: .ok, text: "calls, with a slash") }
        let resources = router.group("api/v1/resources")
        resources.get(":repository/:type/:tag") { _, context in
            let names = try ["repository", "type", "tag"].map { try context.parameters.require($0) }
            return Response(status: .ok, text: names.joined(separator: "|"))
        }
        resources.get(":repository/:type/:tag/versions") { _, _ in Response(status: .ok, text: "versions") }
        resources.get("a/b/c") { _, _ in Response(status: .ok, text: "literal") }
        router.get("fails") { _, _ in throw HTTPError(.conflict, headers: [.retryAfter: "3"], message: "Not now.") }
        router.get("breaks") { _, _ in throw Oddity() }
        router.get("cookies") { request, _ in
            Response(status: .ok, text: request.cookies(named: "id").joined(separator: "|"))
        }
        router.get("query") { request, _ in
            Response(
                status: .ok, text: request.uri.queryParameters.map { "\($0.name)=\($0.value)" }.joined(separator: ";"))
        }
        return router
    }

    private struct Oddity: Error {}

    private func exchange(_ request: String, _ router: Router<BasicRequestContext> = router()) async throws -> String {
        let logger = Logger(label: "edge") { _ in NoOpLogHandler() }
        let responder = router.responder(allowingDoubledSlashBefore: "/kbs/v0", logger: logger)
        var reply = ""
        try await TestServer.run(handler: { await responder.respond(to: $0) }) {
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
            ("/kbs/v0/key/web", "/kbs/v0/key/** of /kbs/v0/key/web"),
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
        #expect(try await get("/kbs/v0/key//a//b/").hasSuffix("of /kbs/v0/key//a//b/"))
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

    @Test("The guests' calls may begin with a doubled slash: some clients' URL ends in one")
    func doubledSlash() async throws {
        #expect(try await get("//kbs/v0/key/web").hasSuffix("of /kbs/v0/key/web"))
        let post = "POST //kbs/v0/auth HTTP/1.1\r\nHost: x\r\nConnection: close\r\nContent-Length: 2\r\n\r\n{}"
        #expect(try await exchange(post).hasSuffix("auth 2"))
    }

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

    @Test("Another method of a path that there is finds nothing, unless a route says otherwise")
    func methods() async throws {
        #expect(
            try await exchange("DELETE /kbs/v0 HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
                .hasPrefix("HTTP/1.1 404"))
    }

    @Test(
        "Who is behind a trusted proxy is the caller; a proxy that cannot be understood is refused, through all middlewares"
    )
    func callers() async throws {
        let router = Router()
        router.add(middleware: Note(name: "seen"))
        router.get("who") { _, context in
            Response(status: .ok, text: context.remoteAddress.map { "\($0)" } ?? "nobody")
        }
        let logger = Logger(label: "edge") { _ in NoOpLogHandler() }
        func ask(_ forwarded: String, trusting proxies: NetworkList) async throws -> String {
            let responder = router.responder(trusting: proxies, logger: logger)
            var reply = ""
            try await TestServer.run(handler: { await responder.respond(to: $0) }) {
                reply = try await $0.exchange(
                    "GET /who HTTP/1.1\r\nHost: x\r\nX-Forwarded-For: \(forwarded)\r\nConnection: close\r\n\r\n")
            }
            return reply
        }
        #expect(try await ask("192.0.2.1", trusting: .loopback).hasSuffix("192.0.2.1"))
        #expect(try await ask("192.0.2.1", trusting: .none).hasSuffix("127.0.0.1"))
        let refused = try await ask("unknown", trusting: .loopback)
        #expect(refused.hasPrefix("HTTP/1.1 400 "))
    }

    @Test("A thrown error is its status and sentence; what nobody expected is 500 and says nothing")
    func errors() async throws {
        let refused = try await get("/fails")
        #expect(refused.hasPrefix("HTTP/1.1 409"))
        #expect(refused.contains("Retry-After: 3\r\n"))
        #expect(refused.hasSuffix("Not now."))
        let broken = try await get("/breaks")
        #expect(broken.hasPrefix("HTTP/1.1 500"))
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

    @Test("Middlewares stand around routes and around their absence, the first outermost; one need not go on")
    func middlewares() async throws {
        let router = Self.router()
        router.add(middleware: Note(name: "outer"))
        router.add(middleware: Note(name: "inner"))
        router.add(middleware: Stop())
        let get = { (path: String) in "GET \(path) HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n" }
        let found = try await exchange(get("/kbs/v0"), router)
        #expect(found.contains("Allow: inner outer \r\n"))
        let missing = try await exchange(get("/nowhere"), router)
        #expect(missing.hasPrefix("HTTP/1.1 404"))
        let stopped = try await exchange(get("/stop"), router)
        #expect(stopped.hasPrefix("HTTP/1.1 403"))
        #expect(stopped.contains("Allow: inner outer \r\n"))
    }

    private struct Note: RouterMiddleware {
        let name: String

        func handle(
            _ request: Request, context: BasicRequestContext,
            next: (Request, BasicRequestContext) async throws -> Response
        ) async throws -> Response {
            var response = try await next(request, context)
            response.headers[.allow] = (response.headers[.allow] ?? "") + name + " "
            return response
        }
    }

    private struct Stop: RouterMiddleware {
        func handle(
            _ request: Request, context: BasicRequestContext,
            next: (Request, BasicRequestContext) async throws -> Response
        ) async throws -> Response {
            request.uri.path == "/stop" ? Response(status: .forbidden) : try await next(request, context)
        }
    }

    @Test("A body that was collected can be read again, within its limit")
    func collected() async throws {
        let router = Router()
        router.post("twice") { request, _ in
            var request = request
            let first = try await request.collectBody(upTo: 100)
            let second = try await request.body.collect(upTo: 100)
            #expect(first == second)
            _ = try await request.body.collect(upTo: 3)
            return Response(status: .ok)
        }
        let reply = try await exchange(
            "POST /twice HTTP/1.1\r\nHost: x\r\nConnection: close\r\nContent-Length: 4\r\n\r\nabcd", router)
        #expect(reply.hasPrefix("HTTP/1.1 413"))
    }
}
