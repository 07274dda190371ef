package import Broker
import Evidence
package import Foundation
package import JWTKit

/// Verifies the JWTs of one issuer with the keys that it publishes.
///
/// Nothing is believed of a token before its signature has been verified, and of its header never more than which of the
/// issuer's keys to try: a key that a token brings along (`jwk`, `x5c`) proves nothing.
package struct TokenVerifier: Sendable {
    /// What tokens must be like.
    package struct Rules: Sendable {
        /// `iss`, to the letter.
        package var issuer: String
        /// Must be in `aud`; `nil` when it is not looked at.
        package var audience: String?
        /// Of a token, in bytes.
        package var longest = 8_192
        /// Of its header, as it stands there in base64url.
        package var longestHeader = 1_024
        /// Whether `kid` must say which key it is. Without it, each of the issuer's keys is tried.
        package var needsKeyID = true

        package init(issuer: String, audience: String?) {
            (self.issuer, self.audience) = (issuer, audience)
        }
    }

    package let rules: Rules
    private let keys: JWTKeySource

    /// For clocks that differ, in seconds.
    private static let leeway: TimeInterval = 30

    package init(_ rules: Rules, keys: JWTKeySource) {
        self.rules = rules
        self.keys = keys
    }

    /// - Returns: what a genuine and valid token says.
    /// - Throws: a ``Refusal``.
    package func claims(of text: String, at time: Date) async throws -> Claims {
        let header = try TokenHeader(of: text, longest: rules.longest, longestHeader: rules.longestHeader)
        let claims = try await verify(text, header)
        guard claims["iss"]?.text == rules.issuer else {
            throw Refusal(.unauthenticated, "The JWT is from another issuer than \(rules.issuer).")
        }
        if let audience = rules.audience {
            guard claims["aud"]?.list.contains(audience) == true else {
                throw Refusal(.unauthenticated, "The JWT is for another audience than \(audience).")
            }
        }
        try checkTimes(claims, at: time.timeIntervalSince1970)
        return claims
    }

    private func verify(_ text: String, _ header: TokenHeader) async throws -> Claims {
        if let kid = header.keyID {
            guard let key = try await keys.key(kid) else {
                throw Refusal(.unauthenticated, "The JWT is signed by a key that \(rules.issuer) does not publish.")
            }
            do { return try await key.verify(text) } catch {
                throw Refusal(.unauthenticated, "The JWT is not signed by the key of \(rules.issuer) that it names.")
            }
        }
        guard !rules.needsKeyID else {
            throw Refusal(.unauthenticated, "The JWT names no key: it must have kid.")
        }
        for key in try await keys.all() {
            if let claims = try? await key.verify(text) { return claims }
        }
        throw Refusal(.unauthenticated, "The JWT is signed by none of the keys of \(rules.issuer).")
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
}

/// What may be known of a token before its signature has been verified.
package struct TokenHeader: Sendable {
    /// Which key it says that it is signed with.
    package let keyID: String?

    /// - Throws: a ``Refusal`` unless it is the header of a JWT that can be read safely.
    package init(of text: String, longest: Int, longestHeader: Int) throws(Refusal) {
        guard text.utf8.count <= longest, CombiningMarks.isASCII(text) else {
            throw Refusal(.unauthenticated, "The JWT cannot be read.")
        }
        let parts = text.split(separator: ".", omittingEmptySubsequences: false)
        // The claims too: the library parses them to verify the signature.
        guard parts.count == 3, parts[0].utf8.count <= longestHeader,
            let json = Data(base64URL: parts[0]), let members = try? StrictJSON.read(json).members,
            let claims = Data(base64URL: parts[1]), (try? CombiningMarks.check(claims)) != nil
        else { throw Refusal(.unauthenticated, "The JWT cannot be read.") }
        // RFC 7515, section 4.1.11: what is critical must be understood, and nothing is.
        guard members["crit"] == nil else {
            throw Refusal(.unauthenticated, "The JWT has critical extensions, which are not understood here.")
        }
        switch members["kid"] {
        case .none: keyID = nil
        case .text(let id): keyID = id
        default: throw Refusal(.unauthenticated, "The JWT's kid is not a text.")
        }
    }
}

/// A JWT's claims, whatever they are.
package struct Claims: JWTPayload {
    package let values: JSONValue

    package init(from decoder: any Decoder) throws { values = try JSONValue(from: decoder) }
    package func encode(to encoder: any Encoder) throws { try values.encode(to: encoder) }
    package func verify(using algorithm: some JWTAlgorithm) async throws {}

    package subscript(name: String) -> JSONValue? { values[name] }

    /// A claim that is one text, or several. Dots go into objects.
    package func list(_ path: String) -> [String] {
        // A claim may have a dot in its own name, as URLs do.
        let value = values[path] ?? path.split(separator: ".").reduce(values as JSONValue?) { $0?[String($1)] }
        return value?.list ?? []
    }
}
