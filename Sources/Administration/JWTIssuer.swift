import AsyncHTTPClient
public import Broker
import Foundation
import JWTKit
import Logging
import NIOCore
import NIOFoundationEssentialsCompat
import NIOHTTP1

/// An identity provider whose JWTs are believed, and what they must say.
public struct JWTIssuer: Sendable, Hashable {
    /// `iss`, to the letter.
    public var issuer: String
    /// Must be in `aud`.
    public var audience: String
    /// Where its keys are: a file, or an `https` URL (`http` on loopback only).
    public var keys: String
    /// The claim that says what the caller may do; dots go into objects, e.g. `realm_access.roles`.
    public var roleClaim = "kbs_role"
    /// A claim's values and what they mean. Without any, the values are the roles' own names.
    public var roles: [String: Role] = [:]

    public init(issuer: String, audience: String, keys: String) {
        self.issuer = issuer
        self.audience = audience
        self.keys = keys
    }

    /// How many of the three that belong together are set.
    package var partsSet: Int { [issuer, audience, keys].count { !$0.isEmpty } }

    func role(_ value: String) -> Role? { roles.isEmpty ? Role(rawValue: value) : roles[value] }
}

/// Verifies an issuer's JWTs with the keys that it publishes.
actor JWTVerifier {
    private let issuer: JWTIssuer
    private let client: HTTPClient
    private let logger: Logger
    private var keys: (known: Set<String>, collection: JWTKeyCollection)?
    private var fetched = Date.distantPast

    /// Keys are fetched again after so many seconds.
    private static let lifetime: TimeInterval = 600
    /// And no more often than this, whatever key ids callers make up.
    private static let pause: TimeInterval = 30
    /// For clocks that differ, in seconds.
    private static let leeway: TimeInterval = 30

    init(_ issuer: JWTIssuer, client: HTTPClient, logger: Logger) {
        self.issuer = issuer
        self.client = client
        self.logger = logger
    }

    /// - Returns: who the token is about.
    /// - Throws: a ``Refusal``.
    func caller(_ text: String, at time: Date) async throws -> Caller {
        let claims: Claims
        do {
            claims = try await verify(text, at: time)
        } catch let refusal as Refusal {
            throw refusal
        } catch {
            throw Refusal(.unauthenticated, "The JWT is not signed by a key of \(issuer.issuer), or cannot be read.")
        }
        guard claims.text("iss") == issuer.issuer else {
            throw Refusal(.unauthenticated, "The JWT is from another issuer than \(issuer.issuer).")
        }
        guard claims.list("aud").contains(issuer.audience) else {
            throw Refusal(.unauthenticated, "The JWT is for another audience than \(issuer.audience).")
        }
        guard let expiry = claims.number("exp") else {
            throw Refusal(.unauthenticated, "The JWT never expires: it must have exp.")
        }
        let now = time.timeIntervalSince1970
        guard now < expiry + Self.leeway else { throw Refusal(.unauthenticated, "The JWT has expired.") }
        guard now > (claims.number("nbf") ?? 0) - Self.leeway else {
            throw Refusal(.unauthenticated, "The JWT is not valid yet: compare the clocks.")
        }
        let roles = claims.list(issuer.roleClaim).compactMap(issuer.role)
        guard let role = [Role.admin, .registrar, .auditor].first(where: roles.contains) else {
            throw Refusal(
                .forbidden, "The JWT's claim \(issuer.roleClaim) names no role: registrar, auditor or admin is wanted.")
        }
        return Caller(.jwt(issuer: issuer.issuer, subject: claims.text("sub") ?? "?"), role)
    }

    private func verify(_ text: String, at time: Date) async throws -> Claims {
        let header = try DefaultJWTParser().parseHeader(Array(text.utf8))
        guard let kid = header.kid else { throw Refusal(.unauthenticated, "The JWT names no key: it must have kid.") }
        let age = time.timeIntervalSince(fetched)
        let isKnown = keys?.known.contains(kid) == true
        if age > Self.lifetime || !isKnown && age > Self.pause { try await fetch(at: time) }
        guard let keys, keys.known.contains(kid) else {
            throw Refusal(.unauthenticated, "The JWT is signed by a key that \(issuer.issuer) does not publish.")
        }
        return try await keys.collection.verify(text, as: Claims.self)
    }

    private func fetch(at time: Date) async throws {
        fetched = time
        do {
            let document = try await document()
            let set = try JSONDecoder().decode(KeySet.self, from: document)
            let collection = JWTKeyCollection()
            var known: Set<String> = []
            for key in set.keys.compactMap(\.key) {
                guard let kid = key.keyIdentifier?.string, (try? await collection.add(jwk: key)) != nil else {
                    continue
                }
                known.insert(kid)
            }
            keys = (known, collection)
        } catch {
            logger.error(
                "The keys of the JWT issuer cannot be had.", metadata: ["keys": "\(issuer.keys)", "error": "\(error)"])
            // What was known goes on: a provider that is down for a moment locks nobody out.
            guard keys == nil else { return }
            throw Refusal(
                .unavailable,
                "The keys of \(issuer.issuer) cannot be had, so JWTs cannot be verified: try again later.",
                retryAfter: Int(Self.pause))
        }
    }

    private func document() async throws -> Data {
        guard issuer.keys.hasPrefix("http") else { return try Data(contentsOf: URL(filePath: issuer.keys)) }
        let response = try await client.execute(HTTPClientRequest(url: issuer.keys), timeout: .seconds(10))
        guard response.status == .ok else { throw CocoaError(.fileReadUnknown) }
        return Data(try await response.body.collect(upTo: 1 << 20).readableBytesView)
    }
}

/// A JWKS, of which keys of kinds that are not known here are left out: they keep no other from being used.
private struct KeySet: Decodable {
    struct Entry: Decodable {
        let key: JWK?
        init(from decoder: any Decoder) { key = try? JWK(from: decoder) }
    }

    let keys: [Entry]
}

/// A JWT's claims, whatever they are. What they must be is looked at by ``JWTVerifier``.
private struct Claims: JWTPayload {
    private let values: JSONValue

    init(from decoder: any Decoder) throws { values = try JSONValue(from: decoder) }
    func encode(to encoder: any Encoder) throws { try values.encode(to: encoder) }
    func verify(using algorithm: some JWTAlgorithm) async throws {}

    func text(_ name: String) -> String? { values[name]?.text }
    func number(_ name: String) -> Double? { values[name]?.number }

    /// A claim that is one text, or several.
    func list(_ path: String) -> [String] {
        // A claim may have a dot in its own name, as URLs do.
        let value = values[path] ?? path.split(separator: ".").reduce(values as JSONValue?) { $0?[String($1)] }
        return value?.list ?? []
    }
}

extension DefaultJWTParser {
    fileprivate func parseHeader(_ token: [UInt8]) throws -> JWTHeader {
        try parse(token, as: Claims.self).header
    }
}
