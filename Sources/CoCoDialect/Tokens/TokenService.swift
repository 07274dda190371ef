import Broker
import Evidence
package import Foundation
package import JSONWebTokens
import JWTKit

/// Makes tokens of attested guests, and reads those that guests come back with.
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
    ///   - software: this program and its version, which the tokens name.
    ///   - foreign: other verifiers whose tokens are taken.
    ///   - keyRules: which of their guests' keys are taken.
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

    /// What foreign verifiers' tokens must be like: EARs are longer than the tokens of people, and Trustee's name no key.
    package static func rules(issuer: String, audience: String?) -> TokenVerifier.Rules {
        var rules = TokenVerifier.Rules(issuer: issuer, audience: audience)
        (rules.longest, rules.longestHeader, rules.needsKeyID) = (15_000, 8_192, false)
        return rules
    }

    /// The public keys as a JWK Set.
    func keySet() async throws -> String {
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
        return String(decoding: try encoder.encode(["keys": try await keys.keySet()]), as: UTF8.self)
    }

    /// Of a token, in bytes: what proxies commonly take of a header field is 8 KiB. Only init data can make one longer.
    private static let longest = 8_000

    func token(of guest: AttestedGuest, _ answer: GuestComponentAnswer) async throws -> String {
        let vector: TrustworthinessVector =
            if let snp = guest.claims.snp {
                .snp(snp.policy, isKnownMeasurement: try await isKnownMeasurement(snp.measurement))
            } else {
                .sample
            }
        let (key, time) = (try await keys.current(), now())
        func token(statingInitData: Bool) async throws -> String {
            try await key.sign(
                AttestationToken(
                    guest, answer, vector: vector, issuer: issuer, software: software, statesInitData: statingInitData,
                    at: time))
        }
        let whole = try await token(statingInitData: true)
        // A policy.rego alone may be longer than any header field. The digest says which they are, and here they are in the
        // database.
        return whole.utf8.count <= Self.longest ? whole : try await token(statingInitData: false)
    }

    /// Who comes with a token: one of our own, or another verifier's.
    ///
    /// - Throws: a ``Refusal``: `sessionInvalid`, so that the guest attests again.
    func reader(_ token: String, _ broker: Broker) async throws -> ResourceReader {
        do {
            let rules = Self.rules(issuer: issuer, audience: nil)
            let header = try TokenHeader(of: token, longest: rules.longest, longestHeader: rules.longestHeader)
            if let kid = header.keyID, let key = try await keys.key(kid) {
                return .attested(try await guest(of: token, key, broker))
            }
            return .foreign(try await foreignGuest(token, under: broker.policy))
        } catch let refusal as Refusal where refusal.code == .unauthenticated {
            throw Refusal(.sessionInvalid, refusal.sentence)
        }
    }

    /// What an agent is told of a guest: a JSON object with its token's claims. Those of our own guests are the
    /// database's, as everything about them is, with the init data that a token may lack.
    ///
    /// - Parameter token: what came along, which was verified.
    static func claims(of reader: ResourceReader, token: String?) throws -> Data {
        guard case .attested(let guest) = reader else { return try claims(of: token ?? "") }
        let stated = try claims(of: guest.token ?? "")
        guard !guest.claims.initData.isEmpty else { return stated }
        let claims = try StrictJSON.read(stated).replacing(
            ["submods", "cpu0", "ear.veraison.annotated-evidence", "init_data_claims"],
            with: .object(guest.claims.initData.mapValues { .text($0) }))
        return try JSONEncoder().encode(claims)
    }

    /// The claims as they stand in a token.
    private static func claims(of token: String) throws(Refusal) -> Data {
        let parts = token.split(separator: ".", omittingEmptySubsequences: false)
        guard parts.count == 3, let claims = Data(base64URL: parts[1]) else {
            throw Refusal(.unavailable, "The guest's token cannot be read.")
        }
        return claims
    }

    private func guest(of token: String, _ key: TokenKey, _ broker: Broker) async throws -> AttestedGuest {
        guard let claims: Claims = try? await key.verify(token) else {
            throw Refusal(.unauthenticated, "The token is not signed by the key that it names.")
        }
        guard let expiry = claims["exp"]?.number, now().timeIntervalSince1970 < expiry,
            let id = claims["jti"]?.text.flatMap({ Hex.decode($0) })
        else { throw Refusal(.unauthenticated, "The token has expired.") }
        // All else is in the database: a session that was ended is not there any more.
        return try await broker.guest(id: id)
    }

    private func foreignGuest(_ token: String, under server: AppraisalPolicy) async throws -> ForeignGuest {
        // Whom to ask is all that is taken from a token before it is verified.
        let issuer = (try? StrictJSON.read(try Self.claims(of: token)))?["iss"]?.text
        guard let verifier = foreign.first(where: { $0.issuer == issuer }) else {
            throw Refusal(
                .unauthenticated,
                "The token is signed by nobody whose tokens are taken here: attest here, or have the "
                    + "operator add its issuer.")
        }
        return try ForeignGuest(
            try await verifier.tokens.claims(of: token, at: now()), issuer: verifier.issuer,
            assuming: verifier.assumptions, keys: keyRules, under: server)
    }
}

extension JSONValue {
    /// - Returns: the same with another value at a path of members.
    fileprivate func replacing(_ path: ArraySlice<String>, with value: JSONValue) -> JSONValue {
        guard let name = path.first else { return value }
        var members = members ?? [:]
        members[name] = (members[name] ?? .object([:])).replacing(path.dropFirst(), with: value)
        return .object(members)
    }
}
