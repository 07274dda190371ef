public import Broker
import Bytes
import Crypto

/// The guest's RSA public key, as the guest wrote it: its evidence is bound to this key, and its secret is encrypted to
/// it.
public struct GuestKey: Sendable {
    private let key: RSA.Encryption.PublicKey
    /// Size of the clients' buffer for the nonce, in bytes.
    static let nonceSize = 16

    /// Standard base64 of big-endian numbers, in exactly the characters that were sent.
    private let modulus, exponent: String

    /// - Throws: a ``Refusal`` unless they are an RSA key of 2,048 or 4,096 bits.
    public init(modulus: String, exponent: String) throws(Refusal) {
        guard let n = Base64.decode(modulus), let e = Base64.decode(exponent) else {
            throw Refusal(.malformed, "k-mod and k-exp of tee-pubkey must be base64.")
        }
        // The report is bound to the two texts, concatenated without a separator. The base64 of these sizes is padded,
        // so that no end of the modulus can pass for the beginning of the exponent. Above 4,096 bits the reply would
        // not fit the clients' buffers.
        guard let key = try? RSA.Encryption.PublicKey(n: n, e: e), [2_048, 4_096].contains(key.keySizeInBits) else {
            throw Refusal(.malformed, "tee-pubkey must be an RSA key of 2,048 or 4,096 bits.")
        }
        (self.key, self.modulus, self.exponent) = (key, modulus, exponent)
    }

    /// The form stored with a session.
    var text: String { "\(modulus) \(exponent)" }

    /// The expected report data: SHA-512 over the nonce in hex and the key as it was sent, 64 bytes.
    func reportData(for challenge: OpenedChallenge) -> [UInt8] {
        var hash = SHA512()
        hash.update(data: Hex.encodeUTF8(challenge.nonce.prefix(Self.nonceSize)))
        hash.update(data: modulus.utf8)
        hash.update(data: exponent.utf8)
        return Array(hash.finalize())
    }

    /// - Parameter text: ``text``, as stored with a session.
    /// - Throws: a ``Refusal`` if it cannot be read.
    init(text: String) throws(Refusal) {
        let parts = text.split(separator: " ", omittingEmptySubsequences: false).map(String.init)
        guard parts.count == 2 else { throw Refusal(.unavailable, "The session's key cannot be read.") }
        try self.init(modulus: parts[0], exponent: parts[1])
    }

    /// Encrypts a secret to this key: RSAES-PKCS1-v1_5.
    func encrypt(_ secret: Secret) throws -> [UInt8] {
        // The clients support no other padding. A padding oracle attack needs the holder of the private key, which is
        // the guest itself.
        try secret.withBytes { try key.encrypt($0, padding: .insecurePKCS1v1_5) }
    }
}
