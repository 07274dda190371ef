import Broker
import Foundation
import JWTKit

/// Verifies an issuer's JWTs with the keys that it publishes.
///
/// Nothing but the key's id is read of a token before its signature has been verified.
struct JWTVerifier: Sendable {
    private let issuer: JWTIssuer
    private let keys: JWTKeySource

    /// For clocks that differ, in seconds.
    private static let leeway: TimeInterval = 30
    /// Of a token, in bytes. A request's head takes no more than twice that.
    private static let longest = 8_192

    init(_ issuer: JWTIssuer, keys: JWTKeySource) {
        self.issuer = issuer
        self.keys = keys
    }

    /// - Returns: who the token is about.
    /// - Throws: a ``Refusal``.
    func caller(_ text: String, at time: Date) async throws -> Caller {
        let kid = try Self.keyID(of: text)
        guard let key = try await keys.key(kid) else {
            throw Refusal(.unauthenticated, "The JWT is signed by a key that \(issuer.issuer) does not publish.")
        }
        let claims: Claims
        do { claims = try await key.verify(text) } catch {
            throw Refusal(.unauthenticated, "The JWT is not signed by the key of \(issuer.issuer) that it names.")
        }
        guard claims["iss"]?.text == issuer.issuer else {
            throw Refusal(.unauthenticated, "The JWT is from another issuer than \(issuer.issuer).")
        }
        guard claims["aud"]?.list.contains(issuer.audience) == true else {
            throw Refusal(.unauthenticated, "The JWT is for another audience than \(issuer.audience).")
        }
        try checkTimes(claims, at: time.timeIntervalSince1970)
        let roles = claims.list(issuer.roleClaim).compactMap(issuer.role)
        guard let role = roles.max() else {
            throw Refusal(
                .forbidden, "The JWT's claim \(issuer.roleClaim) names no role: registrar, auditor or admin is wanted.")
        }
        return Caller(.jwt(issuer: issuer.issuer, subject: claims["sub"]?.text ?? "?"), role)
    }

    private func checkTimes(_ claims: Claims, at now: TimeInterval) throws(Refusal) {
        guard let expiry = claims["exp"]?.number else {
            throw Refusal(.unauthenticated, "The JWT never expires: it must have exp.")
        }
        guard now < expiry + Self.leeway else { throw Refusal(.unauthenticated, "The JWT has expired.") }
        guard let start = claims["nbf"] else { return }
        guard let start = start.number, now > start - Self.leeway else {
            throw Refusal(.unauthenticated, "The JWT is not valid yet: compare the clocks.")
        }
    }

    /// The `kid` of a token's header. Flat members only are read: a stranger wrote them.
    private static func keyID(of text: String) throws(Refusal) -> String {
        struct Header: Decodable {
            let kid: String?
            let hasCritical: Bool

            enum CodingKeys: String, CodingKey { case kid, crit }

            init(from decoder: any Decoder) throws {
                let container = try decoder.container(keyedBy: CodingKeys.self)
                kid = try container.decodeIfPresent(String.self, forKey: .kid)
                hasCritical = container.contains(.crit)
            }
        }
        guard text.utf8.count <= longest,
            let part = text.split(separator: ".", omittingEmptySubsequences: false).first, part.utf8.count <= 1_024,
            let json = Data(base64URL: part), let header = try? JSONDecoder().decode(Header.self, from: json)
        else { throw Refusal(.unauthenticated, "The JWT cannot be read.") }
        // RFC 7515, section 4.1.11: what is critical must be understood, and nothing is.
        guard !header.hasCritical else {
            throw Refusal(.unauthenticated, "The JWT has critical extensions, which are not understood here.")
        }
        guard let kid = header.kid else { throw Refusal(.unauthenticated, "The JWT names no key: it must have kid.") }
        return kid
    }
}

/// A JWT's claims, whatever they are. What they must be is looked at by ``JWTVerifier``.
struct Claims: JWTPayload {
    private let values: JSONValue

    init(from decoder: any Decoder) throws { values = try JSONValue(from: decoder) }
    func encode(to encoder: any Encoder) throws { try values.encode(to: encoder) }
    func verify(using algorithm: some JWTAlgorithm) async throws {}

    subscript(name: String) -> JSONValue? { values[name] }

    /// A claim that is one text, or several.
    func list(_ path: String) -> [String] {
        // A claim may have a dot in its own name, as URLs do.
        let value = values[path] ?? path.split(separator: ".").reduce(values as JSONValue?) { $0?[String($1)] }
        return value?.list ?? []
    }
}
