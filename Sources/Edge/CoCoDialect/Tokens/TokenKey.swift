import Bytes
import Crypto
import Formats
import FoundationEssentials
import JOSE

/// A key that tokens are signed with: ECDSA on P-256.
struct TokenKey: Sendable {
    /// Its JWK thumbprint: `kid`. Source: RFC 7638.
    let id: ExactText
    let created: Date
    private let key: P256.Signing.PrivateKey
    /// DER of its certificate and those above; empty without one.
    private let chain: [[UInt8]]
    /// Of a chain that goes into a token's header, in bytes of DER: base64 twice over makes it 16 ninths as long, in a token
    /// that must fit a header field. A longer one is published with the key all the same.
    private let longestChain = 2_048

    init(_ key: P256.Signing.PrivateKey = P256.Signing.PrivateKey(), created: Date, chain: [[UInt8]] = []) {
        self.key = key
        self.created = created
        self.chain = chain
        id = ExactText(key.publicKey.jwkThumbprint)
    }

    /// - Throws: when the secret is no key.
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
        // A relying party of Trustee's kind takes a key that it finds here, wants a chain for it, and then never looks the
        // name up: so the key goes along with its chain, or not at all.
        let goesAlong = !chain.isEmpty && chain.reduce(0) { $0 + $1.count } <= longestChain
        return try CompactJWS.sign(
            claims.encoded,
            header: [.init("typ", "JWT"), .init("kid", .text(id.text))] + (goesAlong ? [.init("jwk", jwk)] : []),
            with: key)
    }

    /// - Throws: when this key has not signed it.
    func verify(_ token: CompactJWS) throws -> JWTClaims {
        try JWTClaims(try token.payload(signedBy: VerificationKey(key.publicKey, id: id)))
    }
}
