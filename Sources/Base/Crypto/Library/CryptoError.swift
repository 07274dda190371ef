/// Why a cryptographic operation was not done. It never holds a key, a plaintext or what was signed.
public enum CryptoError: Error, Hashable, Sendable, CustomStringConvertible {
    /// A key, nonce, point, signature or text of a length that the algorithm does not have.
    case incorrectSize(String)
    /// A key that is none, or that is too weak to be used.
    case unusableKey(String)
    /// The tag, the padding or the integrity value is wrong: another key, or changed bytes. Deliberately no more.
    case authenticationFailure
    /// The loaded libcrypto does not have the algorithm, or its configuration forbids it.
    case unavailable(String)

    public var description: String {
        switch self {
        case .incorrectSize(let reason), .unusableKey(let reason), .unavailable(let reason): reason
        case .authenticationFailure: "it does not open with this key, or it was changed"
        }
    }
}
