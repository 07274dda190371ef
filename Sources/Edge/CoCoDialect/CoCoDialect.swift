public import Broker
import Bytes
import Formats
import HTTP
public import HTTPEdge
public import JOSE

/// Confidential Containers' protocol under `/kbs/v0`, as the guest components and `kbs-client` speak it.
///
/// docs/coco.md lists what is served of Trustee's API.
public struct CoCoDialect<Context: RequestContext>: Sendable {
    /// What an operator decides.
    public struct Settings: Sendable {
        public var keys = RecipientKey.Rules()
        /// Of a message, in bytes.
        public var longestBody = 256 * 1_024
        /// Of evidence with a good cookie, in bytes.
        public var longestEvidence = 2 << 20
        /// Of a resource that is put, in bytes.
        public var longestResource = 1 << 20
        /// Whether clients come over TLS.
        public var isSecure = false

        public init() {}
    }

    let broker: Broker
    let tokens: TokenService
    let policies: PolicyLibrary
    let agent: (any PolicyAgent)?
    let settings: Settings
    let recipients: RecipientKeys
    let admit: @Sendable (Request, Context, Role.Permission) async throws -> Actor

    /// - Parameters:
    ///   - agent: an Open Policy Agent, to which policies in Rego are handed on.
    ///   - admit: says who the caller is, or throws a ``Refusal`` when they may not do this.
    public init(
        broker: Broker, tokens: TokenService, policies: PolicyLibrary, agent: (any PolicyAgent)?, settings: Settings,
        admit: @escaping @Sendable (Request, Context, Role.Permission) async throws -> Actor
    ) {
        self.broker = broker
        self.tokens = tokens
        self.policies = policies
        self.agent = agent
        self.settings = settings
        recipients = RecipientKeys(settings.keys)
        self.admit = admit
    }

    /// Adds the calls that are this dialect's alone: those of guests, of relying parties and of administrators.
    public func addRoutes(to router: Router<Context>) {
        addGuestRoutes(to: router)
        router.get(".well-known/jwks.json") { _, _ in
            try await answering { Response(json: try await tokens.keySet()) }
        }
        let calls = router.group("kbs/v0")
        calls.get("resource") { request, context in try await answering { try await list(request, context) } }
        calls.post("resource/**") { request, context in try await answering { try await put(request, context) } }
        calls.delete("resource/**") { request, context in try await answering { try await remove(request, context) } }
        addPolicyRoutes(to: calls)
    }

    /// Adds the calls of guests. The handshake is shared: see ``speaks(_:)``.
    public func addGuestRoutes(to router: Router<Context>) {
        router.group("kbs/v0").get("resource/**") { request, _ in try await answering { try await release(request) } }
    }

    /// `GET /resource/<repository>/<type>/<tag>`.
    private func release(_ request: Request) async throws -> Response {
        let reader = try await reader(of: request)
        // Whoever is attested learns that there is none; a path that cannot be is none.
        guard let path = try? ResourcePath(request.rest(after: Self.resources)) else {
            throw Refusal(.notFound, "A resource's path is repository/type/tag.")
        }
        let message = try await broker.releaseResource(
            path, to: reader, stating: { try TokenService.claims(of: reader, token: request.bearerToken) },
            wrappedBy: { secret, key in
                try EncryptedMessage(secret, to: try recipients.key(key), resource: path.text).json
            })
        return Response(json: message)
    }

    private func reader(of request: Request) async throws -> ResourceReader {
        if let token = request.bearerToken { return try await tokens.reader(token, broker) }
        return .attested(try await broker.guest(session: request.guestSessions))
    }

    static var resources: String { "/kbs/v0/resource/" }

    /// `GET /resource`: the paths of all resources, for those who may read what there is. At most a thousand; `after` goes
    /// on behind a path.
    private func list(_ request: Request, _ context: Context) async throws -> Response {
        _ = try await admit(request, context, .readResources)
        let after = request.uri.queryParameters.first { ExactText($0.name) == "after" }?.value ?? ""
        let paths = try await broker.resourcePaths(after: after, limit: 1_000)
        return Response(json: .array(paths.map { .text($0.text) }))
    }

    /// `POST`: the bytes as they are.
    private func put(_ request: Request, _ context: Context) async throws -> Response {
        let actor = try await admit(request, context, .changeResources)
        let path = try ResourcePath(request.rest(after: Self.resources))
        var bytes = try await request.bytes(upTo: settings.longestResource)
        try await broker.putResource(path, Secret(wiping: &bytes), by: actor)
        return Response(status: .ok)
    }

    private func remove(_ request: Request, _ context: Context) async throws -> Response {
        let actor = try await admit(request, context, .changeResources)
        try await broker.removeResource(try ResourcePath(request.rest(after: Self.resources)), by: actor)
        return Response(status: .ok)
    }

    /// Whatever goes wrong is told in this dialect's form.
    func answering(_ body: () async throws -> Response) async throws -> Response {
        do {
            return try await body()
        } catch {
            throw Failure(thrown: error)
        }
    }
}
