import Broker
import Crypto
import Foundation
import JSONWebTokens
import JWTKit

/// A key that tokens are signed with: ECDSA on P-256.
struct TokenKey: Sendable {
    /// Its JWK thumbprint: `kid`. Source: RFC 7638.
    let id: String
    let created: Date
    private let key: P256.Signing.PrivateKey
    /// DER of its certificate and those above; empty without one.
    private let chain: [Data]
    /// Of a chain that goes into a token's header, in bytes of DER: base64 twice over makes it 16 ninths as long, in a token
    /// that must fit a header field. A longer one is published with the key all the same.
    private let longestChain = 2_048

    init(_ key: P256.Signing.PrivateKey = P256.Signing.PrivateKey(), created: Date, chain: [Data] = []) {
        self.key = key
        self.created = created
        self.chain = chain
        let point = key.publicKey.rawRepresentation
        let canonical =
            #"{"crv":"P-256","kty":"EC","x":"\#(point.prefix(32).base64URL)","y":"\#(point.suffix(32).base64URL)"}"#
        id = Data(SHA256.hash(data: Data(canonical.utf8))).base64URL
    }

    /// - Throws: when the secret is no key.
    init(_ secret: Secret, created: Date) throws {
        self.init(try secret.withBytes { try P256.Signing.PrivateKey(rawRepresentation: $0) }, created: created)
    }

    /// 32 bytes.
    var secret: Secret { Secret(key.rawRepresentation) }

    /// The public key as a JWK, with its certificates.
    var jwk: [String: JSONValue] {
        let point = key.publicKey.rawRepresentation
        var members: [String: JSONValue] = [
            "kty": .text("EC"), "crv": .text("P-256"), "alg": .text("ES256"), "use": .text("sig"), "kid": .text(id),
            "x": .text(point.prefix(32).base64URL), "y": .text(point.suffix(32).base64URL),
        ]
        // RFC 7517, section 4.7: base64 proper, not base64url.
        if !chain.isEmpty { members["x5c"] = .array(chain.map { .text($0.base64EncodedString()) }) }
        return members
    }

    func sign(_ payload: some JWTPayload) async throws -> String {
        let keys = await collection(try ES256PrivateKey(backing: key))
        var header = JWTHeader()
        header.kid = id
        // For those who know the key already and look for it here: Trustee's tokens have it. Nobody should believe it.
        var jwk = jwk
        if longestChain < chain.reduce(0, { $0 + $1.count }) { jwk["x5c"] = nil }
        header.jwk = jwk.mapValues { value in
            value.text.map { .string($0) } ?? .array(value.list.map { .string($0) })
        }
        return try await keys.sign(payload, header: header)
    }

    /// - Throws: when this key has not signed it.
    func verify<Payload: JWTPayload>(_ token: String) async throws -> Payload {
        try await collection(try ES256PublicKey(backing: key.publicKey)).verify(token)
    }

    private func collection(_ key: some ECDSAKey) async -> JWTKeyCollection {
        await JWTKeyCollection().add(ecdsa: key, kid: JWKIdentifier(string: id))
    }
}
