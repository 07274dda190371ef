import Bytes
import Crypto
import Formats
import FoundationEssentials
import JOSE

/// A signing key for tokens: ECDSA on P-256.
struct TokenKey: Sendable {
    /// Its JWK thumbprint: `kid`. Source: RFC 7638.
    let id: ExactText
    let created: Date
    private let key: P256.Signing.PrivateKey
    /// The certificate chain, DER, the key's own first; empty without one.
    private let chain: [[UInt8]]
    /// Longest chain in a token's header, in bytes of DER: base64 applied twice lengthens it to 16/9, and the token
    /// must fit a header field. A longer chain is published with the key only.
    private let longestChain = 2_048

    init(_ key: P256.Signing.PrivateKey = P256.Signing.PrivateKey(), created: Date, chain: [[UInt8]] = []) {
        self.key = key
        self.created = created
        self.chain = chain
        id = ExactText(key.publicKey.jwkThumbprint)
    }

    /// - Throws: if the secret is not a key.
    init(_ secret: Secret, created: Date) throws {
        self.init(try secret.withBytes { try P256.Signing.PrivateKey(rawRepresentation: $0) }, created: created)
    }

    /// 32 bytes.
    var secret: Secret {
        var number = key.rawRepresentation
        return Secret(wiping: &number)
    }

    /// The public key as a JWK, with its certificates.
    var jwk: JSONValue {
        var jwk = key.publicKey.jwk
        // RFC 7517, section 4.7: base64 proper, not base64url.
        if !chain.isEmpty { jwk["x5c"] = .array(chain.map { .text($0.base64) }) }
        return jwk
    }

    /// - Parameter claims: a JSON object.
    func sign(_ claims: JSONValue) throws -> String {
        // A relying party like Trustee uses a key that it finds in the header, requires a chain for it, and then never
        // looks up `kid`. So the header has the key together with its chain, or not at all.
        let goesAlong = !chain.isEmpty && chain.reduce(0) { $0 + $1.count } <= longestChain
        return try CompactJWS.sign(
            claims.encoded,
            header: [.init("typ", "JWT"), .init("kid", .text(id.text))] + (goesAlong ? [.init("jwk", jwk)] : []),
            with: key)
    }

    /// - Throws: if the signature is not of this key.
    func verify(_ token: CompactJWS) throws -> JWTClaims {
        try JWTClaims(try token.payload(signedBy: VerificationKey(key.publicKey, id: id)))
    }
}
