import Broker
import Crypto
import Foundation
import JWTKit

/// A key that tokens are signed with: ECDSA on P-256.
struct TokenKey: Sendable {
    /// Its JWK thumbprint: `kid`. Source: RFC 7638.
    let id: String
    let created: Date
    private let key: P256.Signing.PrivateKey

    init(_ key: P256.Signing.PrivateKey = P256.Signing.PrivateKey(), created: Date) {
        self.key = key
        self.created = created
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

    /// The public key as a JWK.
    var jwk: [String: String] {
        let point = key.publicKey.rawRepresentation
        return [
            "kty": "EC", "crv": "P-256", "alg": "ES256", "use": "sig", "kid": id,
            "x": point.prefix(32).base64URL, "y": point.suffix(32).base64URL,
        ]
    }

    func sign(_ payload: some JWTPayload) async throws -> String {
        let keys = await collection(try ES256PrivateKey(backing: key))
        var header = JWTHeader()
        header.kid = id
        // For those who know the key already and look for it here: Trustee's tokens have it. Nobody should believe it.
        header.jwk = jwk.mapValues { .string($0) }
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
