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
    private let foreign: [TokenVerifier]
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
        keys: TokenKeys, issuer: String, software: String, foreign: [TokenVerifier] = [], keyRules: RecipientKey.Rules,
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

    func token(of guest: AttestedGuest, _ answer: GuestComponentAnswer) async throws -> String {
        let vector: TrustworthinessVector =
            if let measurement = guest.claims.snp?.measurement {
                .snp(isKnownMeasurement: try await isKnownMeasurement(measurement))
            } else {
                .sample
            }
        let token = AttestationToken(
            guest, answer, vector: vector, issuer: issuer, software: software, at: now())
        return try await keys.current().sign(token)
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
            return .foreign(try await foreignGuest(token))
        } catch let refusal as Refusal where refusal.code == .unauthenticated {
            throw Refusal(.sessionInvalid, refusal.sentence)
        }
    }

    /// The claims of a token that was verified, as they stand there: a JSON object.
    static func claims(of token: String) throws(Refusal) -> Data {
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

    private func foreignGuest(_ token: String) async throws -> ForeignGuest {
        var refusal = Refusal(
            .unauthenticated,
            "The token is signed by nobody whose tokens are taken here: attest here, or have the "
                + "operator add its issuer.")
        for verifier in foreign {
            do {
                let claims = try await verifier.claims(of: token, at: now())
                return try ForeignGuest(claims, issuer: verifier.rules.issuer, keys: keyRules)
            } catch let reason as Refusal {
                // Which of several issuers it should have been, nobody knows; with one, its reason is the one.
                if foreign.count == 1 { refusal = reason }
            }
        }
        throw refusal
    }
}
