public import Broker
public import FoundationEssentials
import Glibc
public import HTTP
public import HTTPClient
public import HTTPEdge
import JSONWebTokens
public import Logging
public import Operators

/// Authorization of administrators.
///
/// A caller authenticates with a token, a JWT or a client certificate. Until one of them is set up, root and the
/// server's own user are administrators over its Unix socket, and local callers may register workloads with the guests'
/// protocol, whose clients have no credentials.
public struct Gate: Sendable {
    /// The credentials that are set up, and the rules without them.
    public struct Configuration: Sendable {
        /// The networks of callers; `nil`: any, with credentials.
        public var networks: NetworkList?
        /// Whether the server listens on loopback only.
        public var listensOnLoopback = true
        /// Whether every local caller is an administrator until credentials are set up.
        public var opensToThisMachine = false
        public var issuer: JWTIssuer?
        public var certificates = ClientCertificates.none
        public var operators = OperatorKeys()

        public init() {}
    }

    private let configuration: Configuration
    private let broker: Broker
    private let tokens: any TokenStore
    private let verifier: JWTVerifier?
    private let delay = FailureDelay()
    private let now: @Sendable () -> Date

    public init(
        _ configuration: Configuration, broker: Broker, tokens: any TokenStore, client: HTTP1Client, logger: Logger,
        now: @escaping @Sendable () -> Date = { Date() }
    ) {
        self.configuration = configuration
        self.broker = broker
        self.tokens = tokens
        verifier = configuration.issuer.map {
            JWTVerifier($0, keys: JWTKeySource($0.keys, of: .administrators, client: client, logger: logger))
        }
        self.now = now
    }

    /// Admits a caller, or records its refusal.
    ///
    /// - Parameter checksNames: whether the call checks the names in it; otherwise callers with a scope are refused.
    /// - Throws: a ``Refusal``.
    public func admit(_ request: Request, to right: Right, checksNames: Bool) async throws -> Admission {
        var known: Actor?
        do {
            let caller = try await caller(of: request, right == .registering)
            known = caller.actor
            guard let reach = Reach(of: caller.authorities, for: right.permission) else {
                throw Refusal(.forbidden, "The role \(caller.words) does not allow this.")
            }
            guard checksNames || reach == .everything else {
                throw Refusal(
                    .forbidden, "The role \(caller.words) does not allow this: it is not limited to one scope.")
            }
            return Admission(caller.actor, reach)
        } catch let refusal as Refusal {
            try await record(refusal, of: request, by: known)
            throw refusal
        }
    }

    /// Records a refusal, by the gate or by a call for a name outside of the caller's reach.
    ///
    /// - Parameter known: the caller; `nil` before authentication.
    public func record(_ refusal: Refusal, of request: Request, by known: Actor?) async throws {
        try await broker.recordDenial(
            of: "\(request.method) \(request.uri.path.prefix(200))", by: known ?? request.anonymous,
            isKnown: known != nil, refusal)
    }

    private func caller(of request: Request, _ isRegistering: Bool) async throws -> Operator {
        // A malicious page in an operator's browser has the right address, and perhaps a saved password.
        guard !request.headers.contains(where: { Self.browserMarks.contains($0.name.canonicalName) }) else {
            throw Refusal(.registrationForbidden, "Browsers may not administer workloads.")
        }
        if let networks = configuration.networks {
            guard !networks.isEmpty else {
                throw Refusal(
                    .registrationForbidden,
                    "This server is not administered over HTTP: the operator can use `kbs workload` on its data folder."
                )
            }
            // Access to a Unix socket is decided by its mode.
            guard request.localUser != nil || networks.contains(request.address) else {
                throw Refusal(
                    .registrationForbidden,
                    "Workloads may be administered from \(networks) only: do it from there, or have the operator add "
                        + "your network to registration.networks.")
            }
        }
        guard let credential = Credential(request) else {
            if let der = request.certificate, let caller = configuration.certificates.caller(der) {
                return caller
            }
            return try await anonymous(request, isRegistering)
        }
        let (time, instant) = (now(), ContinuousClock.now)
        do {
            let caller = try await authenticate(credential, at: time)
            delay.succeeded(request.address, credential, at: instant)
            return caller
        } catch let refusal as Refusal where refusal.code == .unauthenticated {
            // Only a wrong credential waits: otherwise a guesser could lock out others behind the same address.
            if let seconds = delay.wait(for: request.address, credential, at: instant) {
                throw Refusal(
                    .rateLimited, "Too many wrong tries with this credential came from your address: wait.",
                    retryAfter: seconds)
            }
            delay.failed(request.address, credential, at: instant)
            throw refusal
        }
    }

    private func authenticate(_ credential: Credential, at time: Date) async throws -> Operator {
        switch credential {
        case .token(let id, let secret):
            guard let token = try await tokens.token(id), token.matches(secret) else {
                throw Refusal(.unauthenticated, "There is no such token.")
            }
            guard token.revoked == nil else { throw Refusal(.unauthenticated, "The token \(id) was revoked.") }
            guard token.isUsable(at: time) else {
                throw Refusal(
                    .unauthenticated, "The token \(id) has expired: have another made with `kbs token create`.")
            }
            return Operator(.token(id), token.role)
        case .jwt(let text):
            if let caller = try configuration.operators.caller(text, at: time) { return caller }
            guard let verifier else {
                throw Refusal(.unauthenticated, "This server takes no JWTs: use a token of `kbs token create`.")
            }
            return try await verifier.caller(text, at: time)
        case .unreadable:
            throw Refusal(
                .unauthenticated,
                "Authorization must be Bearer with a token or JWT, or Basic with a token as the password.")
        }
    }

    /// The rule until credentials are set up.
    private func anonymous(_ request: Request, _ isRegistering: Bool) async throws -> Operator {
        let isFresh = configuration.isFresh ? try await !tokens.hasTokens() : false
        if isFresh, let user = request.localUser {
            guard user == 0 || user == geteuid() else {
                throw Refusal(
                    .registrationForbidden,
                    "Without credentials only root and the server's own user administer over its socket: make a token "
                        + "with `kbs token create`.")
            }
        } else {
            guard isFresh, configuration.listensOnLoopback, isRegistering || configuration.opensToThisMachine else {
                throw Refusal(
                    .unauthenticated,
                    "Credentials are needed: a token (`kbs token create --role registrar` on the server's data folder), "
                        + "which is the password for HTTP Basic too.")
            }
            let networks = configuration.networks ?? .loopback
            guard networks.contains(request.address) else {
                throw Refusal(
                    .registrationForbidden,
                    "Without credentials workloads may be administered from \(networks) only: do it from there, or "
                        + "make a token with `kbs token create`.")
            }
        }
        // Behind a proxy every caller has the proxy's address, so the rule above would admit everyone.
        guard !request.cameThroughProxy else {
            throw Refusal(
                .registrationForbidden,
                "The request came through a proxy, so its origin is not known: make a token with `kbs token create`.")
        }
        // DNS rebinding: a page's own name can resolve to this machine's address, which makes it same-origin.
        guard request.localUser != nil || Self.isThisMachine(request.head.authority) else {
            throw Refusal(
                .registrationForbidden,
                "Without credentials the server must be addressed as localhost or by its loopback address.")
        }
        return Operator(request.anonymous, isRegistering ? .registrar : .admin)
    }

    private static let browserMarks: Set<String> = ["origin", "sec-fetch-site"]

    /// - Parameter authority: the request's Host, with a port or without.
    private static func isThisMachine(_ authority: String?) -> Bool {
        guard let host = authority.flatMap({ URL(string: "http://\($0)")?.host() }) else { return false }
        let literal = host.hasPrefix("[") ? String(host.dropFirst().dropLast()) : host
        return IPAddress.isThisMachine(literal)
    }
}

extension Gate.Configuration {
    /// Whether the settings hold no credentials.
    package var isFresh: Bool { issuer == nil && certificates.isEmpty && operators.isEmpty }
}
