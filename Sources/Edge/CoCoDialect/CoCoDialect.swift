public import Broker
import Bytes
import Formats
import HTTP
public import HTTPEdge
public import JOSE

/// Confidential Containers' protocol under `/kbs/v0`, for guest components and `kbs-client`.
///
/// docs/coco.md lists the supported part of Trustee's API.
public struct CoCoDialect: Sendable {
    /// The dialect's settings.
    public struct Settings: Sendable {
        public var keys = RecipientKey.Rules()
        /// Longest body of a message, in bytes.
        public var longestBody = 256 * 1_024
        /// Longest resource that may be put, in bytes.
        public var longestResource = 1 << 20

        public init() {}
    }

    let broker: Broker
    let tokens: TokenService
    let policies: PolicyLibrary
    let agent: (any PolicyAgent)?
    let settings: Settings
    let recipients: RecipientKeys

    /// - Parameter agent: the Open Policy Agent that policies in Rego are sent to.
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

    /// The calls of guests, except for the handshake, whose paths both dialects share: see ``greeting(in:)``.
    public var guestCalls: [Call] {
        [
            Call(.get, Self.resource, label: "resource", form: CoCoFailureForm()) { request in
                try await release(request)
            }
        ]
    }

    /// The calls of relying parties and of administrators.
    public var otherCalls: [Call] {
        [
            Call(.get, ".well-known/jwks.json", label: "jwks", form: CoCoFailureForm()) { _ in
                Response(json: try await tokens.keySet())
            },
            // The paths of all resources, at most 1,000 per answer; `after` continues behind a path.
            Call(
                .get, "kbs/v0/resource", label: "resource", right: .permission(.readResources), checksNames: true,
                form: CoCoFailureForm()
            ) { request, caller in
                let after = request.uri.queryParameters.first { ExactText($0.name) == "after" }?.value ?? ""
                let paths = try await caller.reach.page(after: after, limit: 1_000, of: .path, named: \.text) {
                    try await broker.resourcePaths(after: $0, limit: $1)
                }
                return Response(json: .array(paths.map { .text($0.text) }))
            },
            // The body is the resource's bytes, unencoded.
            Call(
                .post, Self.resource, label: "resource", right: .permission(.changeResources), checksNames: true,
                body: .upTo(settings.longestResource), form: CoCoFailureForm()
            ) { request, caller in
                let path = try request.resourcePath()
                try caller.reach.check(path)
                var bytes = try await request.bytes()
                try await broker.putResource(path, Secret(wiping: &bytes), by: caller.actor)
                return Response(status: .ok)
            },
            Call(
                .delete, Self.resource, label: "resource", right: .permission(.changeResources), checksNames: true,
                form: CoCoFailureForm()
            ) { request, caller in
                let path = try request.resourcePath()
                try caller.reach.check(path)
                try await broker.removeResource(path, by: caller.actor)
                return Response(status: .ok)
            },
        ] + policyCalls
    }

    /// Prefix of Trustee's paths. Failures under it have this dialect's form, also for paths without a call.
    public static var prefix: String { "/kbs/v0/" }

    private static var resource: CallPath { "kbs/v0/resource/**path" }

    private func release(_ request: Request) async throws -> Response {
        let reader = try await reader(of: request)
        // An attested guest gets 404 for a missing resource; a malformed path is treated the same.
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
    /// The parameter `path` without percent-decoding: no valid resource path has escaped characters.
    fileprivate func resourcePath() throws(Refusal) -> ResourcePath {
        try ResourcePath(parameters["path"].map(String.init) ?? "")
    }
}
