import Crypto

/// A refused token, key or message. It does not repeat untrusted text.
public enum JOSEError: Error, Hashable, Sendable, CustomStringConvertible {
    case malformed(String)
    /// The reason is the end of a sentence.
    case unusableKey(String)
    /// The token's algorithm differs from the key's.
    case otherAlgorithm
    case notSigned
    /// The signature is valid, and the claims are refused.
    case refusedClaims(String)
    /// libcrypto lacks the algorithm.
    case unavailable(String)

    public var description: String {
        switch self {
        case .malformed(let reason), .refusedClaims(let reason), .unavailable(let reason): reason
        case .unusableKey(let reason): "The key cannot be used: \(reason)."
        case .otherAlgorithm: "Its algorithm differs from its key's."
        case .notSigned: "It is not signed by this key."
        }
    }

    init(_ error: CryptoError) {
        self = if case .unavailable(let reason) = error { .unavailable(reason) } else { .unusableKey("\(error)") }
    }
}
