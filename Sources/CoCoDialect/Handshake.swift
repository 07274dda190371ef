import Broker
import Evidence
public import Foundation
import HTTPTypes
public import Hummingbird

/// The two calls by which a guest is attested: version 0.4.0 of the KBS protocol.
extension CoCoDialect {
    /// Whether a body of `POST /auth` is of this dialect. The other one's clients say version 0.0.0, or none.
    public static func speaks(_ body: Data) -> Bool {
        guard let message: VersionMessage = try? decode(body) else { return false }
        let version = message.version
        return !version.hasPrefix("0.0.")
    }

    /// Whether a body of `POST /attest` is of this dialect, for one that came without the cookie.
    public static func attests(_ body: Data) -> Bool {
        let probe: AttestationProbe? = try? decode(body)
        return probe != nil
    }

    /// `POST /auth`.
    ///
    /// - Throws: a ``Failure``.
    public func challenge(_ request: Request) async throws -> Response {
        try await answering {
            let message: RequestMessage = try decode(try await request.bytes(upTo: settings.longestBody))
            guard message.version == "0.4.0" else {
                // The reference's own status: its clients print the body and stop after a few tries.
                throw Failure(
                    Refusal(
                        .malformed,
                        "Version \(Self.printable(message.version)) of the KBS protocol is not spoken here, 0.4.0 is: update "
                            + "the guest components."), status: .unauthorized)
            }
            guard let tee = GuestTEE(rawValue: message.tee) else {
                throw Refusal(
                    .technologyMismatch,
                    "Evidence of \(Self.printable(message.tee)) is not verified here: snp is"
                        + (broker.policy.allowsSample ? ", and sample." : "."))
            }
            let challenge = try broker.challengeGuest(tee)
            var parameters = "\"\""
            if let offered = message.parameters?.hashAlgorithms {
                guard let algorithm = HashAlgorithm.allCases.first(where: { offered.contains($0.rawValue) }) else {
                    throw Refusal(
                        .malformed, "None of supported-hash-algorithms is taken here: sha384, sha512 and sha256 are.")
                }
                parameters = "{\"selected-hash-algorithm\":\"\(algorithm.rawValue)\"}"
            }
            let nonce = Data(challenge.nonce).base64EncodedString()
            var response = Response(json: "{\"nonce\":\"\(nonce)\",\"extra-params\":\(parameters)}")
            response.headers[.setCookie] = cookie(challenge.sealed)
            return response
        }
    }

    /// `POST /attest`.
    ///
    /// - Throws: a ``Failure``.
    public func attest(_ request: Request) async throws -> Response {
        try await answering {
            let sessions = request.guestSessions
            let body = try AttestationBody(try await request.bytes(upTo: settings.longestBody))
            // First whether it is an answer at all: keys, certificates and init data are a stranger's until then.
            let session = try broker.expectsAnswer(body.challenge, session: sessions)
            let answer = try GuestComponentAnswer(body, keys: settings.keys)
            let guest = try await broker.attestGuest(answer.guest, session: [session]) { guest in
                try await tokens.token(of: guest, answer)
            }
            guard let token = guest.token else { throw Refusal(.unavailable, "The guest has no token.") }
            var response = Response(json: "{\"token\":\(JSONString.quoted(token))}")
            response.headers[.setCookie] = cookie(session)
            return response
        }
    }

    /// The cookie is a secret of the guest's; it goes back to this server only.
    private func cookie(_ session: some StringProtocol) -> String {
        "\(Request.guestCookie)=\(session); Path=/kbs/v0; HttpOnly; SameSite=Strict"
            + (settings.isSecure ? "; Secure" : "")
    }

    /// What a stranger wrote, for a sentence.
    private static func printable(_ text: String) -> String {
        "\""
            + text.unicodeScalars.filter { (" "..."~").contains($0) && $0 != "\"" }.prefix(24).map(String.init).joined()
            + "\""
    }
}
