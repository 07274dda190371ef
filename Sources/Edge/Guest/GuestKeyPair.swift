import Bytes
import Crypto

/// The RSA key that the secret is encrypted to. It exists only in the guest's memory, while the program runs.
struct GuestKeyPair {
    private let key: RSA.Encryption.PrivateKey
    /// Standard base64 of the unsigned big-endian number; the report data cover this text.
    let modulus: String
    let exponent: String

    /// Makes a key, which takes a moment.
    ///
    /// - Parameter bits: 2,048 or 4,096, for secrets of up to 245 or 501 bytes.
    init(bits: Int) throws {
        switch bits {
        case 2_048: key = try .init(keySize: .bits2048)
        case 4_096: key = try .init(keySize: .bits4096)
        default: throw GuestFailure(.unusable, "--rsa-bits must be 2048 or 4096: the broker takes no others.")
        }
        modulus = key.publicKey.modulus.base64
        exponent = key.publicKey.publicExponent.base64
    }

    /// The report data: SHA-512 over the three strings as they are sent, 64 bytes.
    func reportData(nonce: String) -> [UInt8] { Array(SHA512.hash(data: Array((nonce + modulus + exponent).utf8))) }

    /// RSAES-PKCS1-v1_5, as the protocol requires. A padding oracle needs a party that decrypts chosen messages and
    /// reveals the outcome; this key decrypts one answer and is discarded.
    func decrypt(_ ciphertext: [UInt8]) throws -> Secret {
        var plain: [UInt8]
        do { plain = try key.decrypt(ciphertext, padding: .insecurePKCS1v1_5) } catch {
            throw GuestFailure(.refused, "The broker's answer is not encrypted to this guest's key.")
        }
        return Secret(wiping: &plain)
    }
}
