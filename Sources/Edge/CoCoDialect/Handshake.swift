import Broker
import Bytes
import Crypto
import Evidence
public import Formats
import HTTP
public import HTTPEdge

/// The two calls of attestation: version 0.4.0 of the KBS protocol.
extension CoCoDialect {
    /// The body of `POST /auth` if it is of this dialect. Clients of virtee's protocol send version 0.0.0, or none.
    public static func greeting(in body: [UInt8]) -> JSON? {
        guard let json = try? JSON(body), let version = json["version"]?.asText,
            !version.utf8.starts(with: "0.0.".utf8)
        else { return nil }
        return json
    }

    /// Whether a body of `POST /attest` looks like one of this dialect.
    ///
    /// Only for requests without a cookie, to choose the form of the refusal: the body comes from a stranger and is not
    /// parsed.
    public static func attests(_ body: [UInt8]) -> Bool {
        let start = body.prefix(4_096)
        // Guest components write init data first, of any length.
        return ["init-data", "runtime-data", "primary_evidence"].contains { start.holds(Array("\"\($0)\"".utf8)) }
    }

    /// `POST /auth`.
    ///
    /// - Parameter greeting: the request's body.
    /// - Throws: a ``Refusal``.
    public func challenge(_ request: Request, _ greeting: JSON) async throws -> Response {
        let message = try read(greeting, RequestMessage.init)
        Caller.speaks(message.version)
        guard ExactText(message.version) == "0.4.0" else {
            // Trustee's status: its clients print the body and stop after a few tries.
            throw Refused(
                Refusal(
                    .malformed,
                    "Version \(Self.printable(message.version)) of the KBS protocol is not spoken here, 0.4.0 is: update "
                        + "the guest components."), status: .unauthorized)
        }
        guard let tee = GuestTEE(exactly: message.tee) else {
            throw Refusal(
                .technologyMismatch,
                "Evidence of \(Self.printable(message.tee)) is not verified here: snp is"
                    + (broker.policy.allowsSample ? ", and sample." : "."))
        }
        let challenge = try await broker.challenge(.guest(tee))
        var parameters: JSONValue = ""
        if let offered = message.hashAlgorithms {
            let known = Set(offered.compactMap { HashAlgorithm(exactly: $0) })
            guard let algorithm = HashAlgorithm.allCases.first(where: known.contains) else {
                throw Refusal(
                    .malformed, "None of supported-hash-algorithms is taken here: sha384, sha512 and sha256 are.")
            }
            parameters = ["selected-hash-algorithm": .text(algorithm.rawValue)]
        }
        var response = Response(json: ["nonce": .text(challenge.nonce.base64), "extra-params": parameters])
        response.headers[.setCookie] = Self.cookie(challenge.session, for: request)
        return response
    }

    /// `POST /attest`.
    ///
    /// - Throws: a ``Refusal``.
    public func attest(_ request: Request) async throws -> Response {
        Caller.speaks("0.4.0")
        // The cookie first, then the nonce: until then the body comes from a stranger.
        let challenges = broker.challenges(among: request.guestSessions).filter { !$0.isWorkloads }
        guard !challenges.isEmpty else { throw broker.refusing(.noChallenge) }
        let body = try AttestationBody(try await request.bytes())
        guard let challenge = challenges.first(where: { equalInConstantTime($0.nonce, body.challenge) }) else {
            throw broker.refusing(.otherNonce)
        }
        let answer = try GuestComponentAnswer(body, keys: settings.keys, allowsSample: broker.policy.allowsSample)
        let session = try await broker.attest(answer.answer, to: challenge) { guest in
            try await tokens.token(of: guest, answer)
        }
        recipients.remember(answer.binding.key)
        guard let token = session.guest?.token else { throw Refusal(.unavailable, "The guest has no token.") }
        var response = Response(json: ["token": .text(token)])
        response.headers[.setCookie] = Self.cookie(challenge.sealed, for: request)
        return response
    }

    /// The Set-Cookie header. The cookie is the guest's secret and goes back to this server only. It has no path,
    /// because a gateway may strip a prefix from the client's paths.
    private static func cookie(_ session: String, for request: Request) -> String {
        "\(Request.guestCookie)=\(session); HttpOnly; SameSite=Strict" + (request.isSecure ? "; Secure" : "")
    }

    /// A stranger's text, made safe for a sentence.
    private static func printable(_ text: String) -> String {
        "\""
            + text.unicodeScalars.filter { (" "..."~").contains($0) && $0 != "\"" }.prefix(24).map(String.init).joined()
            + "\""
    }
}

extension Refusal {
    fileprivate static let noChallenge = Refusal(
        .challengeInvalid,
        "The cookie kbs-session-id is missing or not from this server: start again at /auth and send it back.")

    fileprivate static let otherNonce = Refusal(
        .challengeInvalid, "The nonce is not this session's: start again at /auth.")
}
