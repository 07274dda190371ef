public import Broker
import Bytes
import Formats
import HTTP
public import HTTPEdge
public import JOSE

/// Confidential Containers' protocol under `/kbs/v0`, as the guest components and `kbs-client` speak it.
///
/// docs/coco.md lists what is served of Trustee's API.
public struct CoCoDialect: Sendable {
    /// What an operator decides.
    public struct Settings: Sendable {
        public var keys = RecipientKey.Rules()
        /// Of a message, in bytes.
        public var longestBody = 256 * 1_024
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

    /// - Parameter agent: an Open Policy Agent, to which policies in Rego are handed on.
    public init(
        broker: Broker, tokens: TokenService, policies: PolicyLibrary, agent: (any PolicyAgent)?, settings: Settings
    ) {
        self.broker = broker
        self.tokens = tokens
        self.policies = policies
        self.agent = agent
        self.settings = settings
        recipients = RecipientKeys(settings.keys)
    }

    /// The calls of guests. The handshake is shared: see ``greeting(in:)``.
    public var guestCalls: [Call] {
        [
            Call(.get, Self.resource, label: "resource", form: GuestForm()) { request in
                try await release(request)
            }
        ]
    }

    /// The calls of relying parties and of administrators.
    public var otherCalls: [Call] {
        [
            Call(.get, ".well-known/jwks.json", label: "jwks", form: GuestForm()) { _ in
                Response(json: try await tokens.keySet())
            },
            // The paths of all resources, at most a thousand; `after` goes on behind a path.
            Call(
                .get, "kbs/v0/resource", label: "resource", right: .permission(.readResources), checksNames: true,
                form: GuestForm()
            ) { request, caller in
                let after = request.uri.queryParameters.first { ExactText($0.name) == "after" }?.value ?? ""
                let paths = try await caller.reach.page(after: after, limit: 1_000, of: .path, named: \.text) {
                    try await broker.resourcePaths(after: $0, limit: $1)
                }
                return Response(json: .array(paths.map { .text($0.text) }))
            },
            // The bytes as they are.
            Call(
                .post, Self.resource, label: "resource", right: .permission(.changeResources), checksNames: true,
                body: .upTo(settings.longestResource), form: GuestForm()
            ) { request, caller in
                let path = try request.resourcePath()
                try caller.reach.check(path)
                var bytes = try await request.bytes()
                try await broker.putResource(path, Secret(wiping: &bytes), by: caller.actor)
                return Response(status: .ok)
            },
            Call(
                .delete, Self.resource, label: "resource", right: .permission(.changeResources), checksNames: true,
                form: GuestForm()
            ) { request, caller in
                let path = try request.resourcePath()
                try caller.reach.check(path)
                try await broker.removeResource(path, by: caller.actor)
                return Response(status: .ok)
            },
        ] + policyCalls
    }

    /// Trustee's paths: all of them are told of in this dialect's form, also where there is nothing.
    public static var prefix: String { "/kbs/v0/" }

    private static var resource: CallPath { "kbs/v0/resource/**path" }

    private func release(_ request: Request) async throws -> Response {
        let reader = try await reader(of: request)
        // Whoever is attested learns that there is none; a path that cannot be is none.
        guard let path = try? request.resourcePath() else {
            throw Refusal(.notFound, "A resource's path is repository/type/tag.")
        }
        let message = try await broker.releaseResource(
            path, to: reader, stating: { try TokenService.claims(of: reader, token: request.bearerToken) },
            wrappedBy: { secret, key in
                try EncryptedMessage(secret, to: try recipients.key(key), resource: path.text).json
            })
        return Response(json: Array(message.utf8))
    }

    private func reader(of request: Request) async throws -> ResourceReader {
        if let token = request.bearerToken { return try await tokens.reader(token, broker) }
        return .attested(try await broker.guest(session: request.guestSessions))
    }
}

extension Request {
    /// As it stands in the path: nothing that is served has characters to be escaped.
    fileprivate func resourcePath() throws(Refusal) -> ResourcePath {
        try ResourcePath(parameters["path"].map(String.init) ?? "")
    }
}
