import Broker
package import Bytes
import Evidence
import Formats
package import FoundationEssentials
package import JOSE
package import JSONWebTokens

/// Issues tokens for attested guests, and verifies tokens that guests present.
public struct TokenService: Sendable {
    private let keys: TokenKeys
    private let issuer: String
    private let software: String
    private let foreign: [ForeignVerifier]
    private let keyRules: RecipientKey.Rules
    private let isKnownMeasurement: @Sendable ([UInt8]) async throws -> Bool
    private let now: @Sendable () -> Date

    /// - Parameters:
    ///   - issuer: `iss` of the tokens.
    ///   - software: this program and its version, named in the tokens.
    ///   - foreign: other verifiers whose tokens are accepted.
    ///   - keyRules: which keys of their guests are accepted.
    ///   - isKnownMeasurement: whether reference values have a launch measurement.
    package init(
        keys: TokenKeys, issuer: String, software: String, foreign: [ForeignVerifier] = [],
        keyRules: RecipientKey.Rules,
        isKnownMeasurement: @escaping @Sendable ([UInt8]) async throws -> Bool,
        now: @escaping @Sendable () -> Date = { Date() }
    ) {
        self.keys = keys
        self.issuer = issuer
        self.software = software
        self.foreign = foreign
        self.keyRules = keyRules
        self.isKnownMeasurement = isKnownMeasurement
        self.now = now
    }

    /// Rules for foreign verifiers' tokens: EARs are longer than operators' JWTs, and Trustee's have no `kid`.
    package static func rules(issuer: ExactText, audience: ExactText?) -> TokenVerifier.Rules {
        var rules = TokenVerifier.Rules(issuer: issuer, audience: audience)
        (rules.limits, rules.keyless) = (CompactJWS.Limits(bytes: 15_000, header: 8_192), .anyKey)
        return rules
    }

    /// The public keys as a JWK Set.
    func keySet() async throws -> JSONValue { ["keys": .array(try await keys.keySet())] }

    /// Longest token, in bytes: proxies commonly accept header fields of 8 KiB. Only init data can make one longer.
    private static let longest = 8_000

    func token(of guest: AttestedGuest, _ answer: GuestComponentAnswer) async throws -> String {
        let vector: TrustworthinessVector =
            switch guest.claims.tee {
            case .snp:
                .snp(
                    guest.claims.evidence.guestPolicy,
                    isKnownMeasurement: try await isKnownMeasurement(guest.claims.measurement ?? []))
            case .sample: .sample
            }
        let (key, time) = (try await keys.current(), now())
        let claims = answer.answer.initData.map { InitDataClaims($0.claims) }
        // In base64url the init data alone would exceed the limit.
        let isTooLong = claims.map { $0.json.encoded.count / 3 * 4 > Self.longest } ?? false
        var token = ""
        // A policy.rego alone may exceed any header field. Then the token has the digest, and the database the entries.
        for statement in AttestationToken.Statement.allCases where statement != .whole || !isTooLong {
            token = try key.sign(
                AttestationToken(
                    guest, answer, claims, vector: vector, issuer: issuer, software: software, stating: statement,
                    at: time
                ).members)
            if token.utf8.count <= Self.longest { break }
        }
        return token
    }

    /// The guest that presents a token, of this server or of another verifier.
    ///
    /// - Throws: a ``Refusal``: `sessionInvalid`, so that the guest attests again.
    func reader(_ token: String, _ broker: Broker) async throws -> ResourceReader {
        do {
            let rules = Self.rules(issuer: ExactText(issuer), audience: nil)
            let signed = try CompactJWS(refusing: token, limits: rules.limits)
            if let kid = signed.keyID, let key = try await keys.key(kid) {
                return .attested(try await guest(of: signed, key, broker))
            }
            return .foreign(try await foreignGuest(token, signed, under: broker.policy))
        } catch let refusal as Refusal where refusal.code == .unauthenticated {
            throw Refusal(.sessionInvalid, refusal.sentence)
        }
    }

    /// The claims about a guest for an agent: a JSON object, as in the guest's token. Those of this server's guests
    /// come from the database, including init data that were too long for the token.
    ///
    /// - Parameter token: the presented token, already verified.
    static func claims(of reader: ResourceReader, token: String?) throws -> [UInt8] {
        guard case .attested(let guest) = reader else { return try claims(of: token ?? "") }
        let stated = try claims(of: guest.token ?? "")
        guard !guest.claims.initData.isEmpty else { return stated }
        let initData = InitDataClaims(guest.claims.initData)
        var claims = JSONValue(try JSON(stated)).replacing(
            ["submods", "cpu0", "ear.veraison.annotated-evidence", "init_data_claims"], with: initData.json)
        if let identifiers = initData.identifiers {
            claims = claims.replacing(["submods", "cpu0", "ear.trustee.identifiers"], with: identifiers)
        }
        return claims.encoded
    }

    /// The payload of a token.
    private static func claims(of token: String) throws(Refusal) -> [UInt8] {
        let parts = token.split(separator: ".", omittingEmptySubsequences: false)
        guard parts.count == 3, let claims = Base64.decodeURL(parts[1]) else {
            throw Refusal(.unavailable, "The guest's token cannot be read.")
        }
        return claims
    }

    private func guest(of token: CompactJWS, _ key: TokenKey, _ broker: Broker) async throws -> AttestedGuest {
        guard let claims = try? key.verify(token) else {
            throw Refusal(.unauthenticated, "The token is not signed by the key that it names.")
        }
        guard let expiry = claims["exp"]?.asNumber, now().timeIntervalSince1970 < expiry,
            let id = claims["jti"]?.asText.flatMap({ Hex.decode($0) })
        else { throw Refusal(.unauthenticated, "The token has expired.") }
        // Everything else is in the database: an ended session is no longer there.
        return try await broker.guest(id: id)
    }

    private func foreignGuest(
        _ token: String, _ signed: CompactJWS, under server: AppraisalPolicy
    ) async throws -> ForeignGuest {
        // The issuer, which selects the verifier, is the only value used before verification.
        let issuer = signed.unverifiedPayload.flatMap { try? JSON($0) }?["iss"]?.asText.map { ExactText($0) }
        guard let verifier = foreign.first(where: { $0.issuer == issuer }) else {
            throw Refusal(
                .unauthenticated,
                "The token is signed by nobody whose tokens are taken here: attest here, or have the "
                    + "operator add its issuer.")
        }
        let time = now()
        return try ForeignGuest(
            try await verifier.tokens.claims(of: token, at: time), of: verifier, keys: keyRules, under: server, at: time
        )
    }
}

extension JSONValue {
    /// - Returns: a copy with another value at a path of members.
    fileprivate func replacing(_ path: ArraySlice<String>, with value: JSONValue) -> JSONValue {
        guard let name = path.first else { return value }
        var whole = self
        whole[name] = (self[name] ?? .object([])).replacing(path.dropFirst(), with: value)
        return whole
    }
}
