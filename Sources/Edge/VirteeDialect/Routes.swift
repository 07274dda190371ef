public import Broker
import Bytes
import Formats
import HTTP
public import HTTPEdge

/// The four calls of the reference KBS under `/kbs/v0`, as its clients speak them.
public struct VirteeDialect<Context: RequestContext>: Sendable {
    private let broker: Broker
    private let replacesWorkloads: Bool
    private let longestBody: Int
    private let admit: @Sendable (Request, Context) async throws -> Actor

    /// - Parameters:
    ///   - replacesWorkloads: whether a registered workload may be registered again.
    ///   - longestBody: in bytes.
    ///   - admit: says who the caller is, or throws a ``Refusal`` when they may not register.
    public init(
        broker: Broker, replacesWorkloads: Bool, longestBody: Int = RequestBody.longest,
        admitRegistration admit: @escaping @Sendable (Request, Context) async throws -> Actor
    ) {
        self.broker = broker
        self.replacesWorkloads = replacesWorkloads
        self.longestBody = longestBody
        self.admit = admit
    }

    /// Adds the calls to a router: those of guests, and registering.
    public func addRoutes(to router: Router<Context>) {
        addGuestRoutes(to: router)
        let calls = router.group("kbs/v0")
        calls.post("register_workload") { try await register($0, $1) }
        calls.refuseOtherMethods(on: "register_workload", than: [.post])
    }

    /// Adds the calls of guests, but for the handshake, of which the paths are another dialect's too: ``challenge(_:)``
    /// and ``attest(_:)``.
    public func addGuestRoutes(to router: Router<Context>) {
        let calls = router.group("kbs/v0")
        // The reference's own answer, with the slash and without; some clients probe with it.
        for path: RouterPath in ["kbs/v0", "kbs/v0/"] {
            router.get(path) { _, _ in
                RefusalResponse.text(.unauthorized, "This is a key broker: POST /kbs/v0/auth begins.")
            }
            router.refuseOtherMethods(on: path, than: [.get])
        }
        calls.get("key/**") { request, _ in try await release(request, key: try request.path(after: "/kbs/v0/key/")) }
        calls.refuseOtherMethods(on: "key/**", than: [.get])
    }

    private func register(_ request: Request, _ context: Context) async throws -> Response {
        let actor = try await admit(request, context)
        let workload = try await broker.register(
            try Registration(virteeJSON: try await request.jsonBody(upTo: longestBody)), replacing: replacesWorkloads,
            by: actor
        ).workload
        // Buildah looks at the status alone; whoever registers by hand sees what was understood.
        let warnings = broker.warnings(on: workload).map { "Warning: \($0)\n" }
        return RefusalResponse.text(
            .ok, "Registered \(workload.id) with the policy \(workload.launch.policyInWords).\n" + warnings.joined())
    }

    /// `POST /auth`.
    ///
    /// - Throws: a ``Refusal``.
    public func challenge(_ request: Request) async throws -> Response {
        Caller.speaks("0.0.0")
        let message = try RequestMessage(body: try await request.jsonBody(upTo: longestBody))
        let issued = try await broker.challenge(try message.request())
        var response = Response(json: issued.json(in: message.form))
        // libkrun's SEV clients take all up to the first semicolon of the line: without an attribute, its end too.
        response.headers[.setCookie] = "session_id=\(issued.session); SameSite=Strict; Path=/"
        return response
    }

    /// `POST /attest`.
    ///
    /// - Throws: a ``Refusal``.
    public func attest(_ request: Request) async throws -> Response {
        Caller.speaks("0.0.0")
        // The cookie first: a body is a stranger's until then.
        let challenges = try broker.awaited(session: request.sessionIDs)
        try await broker.attest(
            try Answer(virteeJSON: try await request.jsonBody(upTo: longestBody)), to: challenges)
        // The body stays empty: the client takes any text for an error, whatever the status.
        return Response(status: .ok)
    }

    private func release(_ request: Request, key: String) async throws -> Response {
        Response(json: try await broker.release(key, session: request.sessionIDs).json)
    }
}

/// What is read of a request's body unless told otherwise.
public enum RequestBody {
    /// In bytes: an SEV chain takes about 40 KiB.
    public static let longest = 256 * 1_024
}

extension Request {
    /// The path after a prefix, percent-decoded. An id may hold slashes in any place; it holds no percent sign, so that
    /// decoding it is never wrong.
    public func path(after prefix: String) throws(Refusal) -> String {
        guard uri.path.utf8.starts(with: prefix.utf8) else { return "" }
        guard let path = PercentEncoding.decode(uri.path.dropFirst(prefix.count)) else {
            throw Refusal(.malformed, "The path is not percent-encoded UTF-8.")
        }
        return path
    }

    /// The body of a request that has JSON, or does not say.
    public func jsonBody(upTo longest: Int = RequestBody.longest) async throws -> [UInt8] {
        if let type = headers[.contentType] {
            guard CombiningMarks.isASCII(type) else { throw HTTPError(.unsupportedMediaType) }
            let essence = String(type.prefix { $0 != ";" && $0 != " " && $0 != "\t" }).lowercased()
            guard essence == "application/json" else { throw HTTPError(.unsupportedMediaType) }
        }
        return try await body.collect(upTo: longest)
    }

    /// Whether it comes from a guest that this dialect has challenged.
    public var hasSessionCookie: Bool { !sessionIDs.isEmpty }

    /// Every value of the cookie `session_id`: clients send several, on one header line or on more.
    fileprivate var sessionIDs: [Substring] { cookies(named: "session_id") }
}

extension Response {
    fileprivate init(json: JSONValue) {
        self.init(
            status: .ok, headers: [.contentType: "application/json", .cacheControl: "no-store"],
            body: .bytes(json.encoded))
    }
}
