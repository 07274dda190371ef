/// A failed cryptographic operation. It holds no key, plaintext or signed message.
public enum CryptoError: Error, Hashable, Sendable, CustomStringConvertible {
    /// A key, nonce, point, signature or message of an invalid length.
    case incorrectSize(String)
    /// A malformed or weak key.
    case unusableKey(String)
    /// A wrong tag, padding or integrity value: another key, or changed bytes. Deliberately without details.
    case authenticationFailure
    /// The loaded libcrypto lacks the algorithm, or its configuration forbids it.
    case unavailable(String)

    public var description: String {
        switch self {
        case .incorrectSize(let reason), .unusableKey(let reason), .unavailable(let reason): reason
        case .authenticationFailure: "it does not open with this key, or it was changed"
        }
    }
}
