import Crypto

/// Why a token, a key or a message is not taken. It repeats nothing of a stranger's.
public enum JOSEError: Error, Hashable, Sendable, CustomStringConvertible {
    /// It cannot be read.
    case malformed(String)
    /// A key that cannot be used. The reason is the end of a sentence.
    case unusableKey(String)
    /// The algorithm is another than the key's.
    case otherAlgorithm
    case notSigned
    /// It is genuine, and says what is not accepted.
    case refusedClaims(String)
    /// libcrypto cannot do it.
    case unavailable(String)

    public var description: String {
        switch self {
        case .malformed(let reason), .refusedClaims(let reason), .unavailable(let reason): reason
        case .unusableKey(let reason): "The key cannot be used: \(reason)."
        case .otherAlgorithm: "Its algorithm is another than its key's."
        case .notSigned: "It is not signed by this key."
        }
    }

    init(_ error: CryptoError) {
        self = if case .unavailable(let reason) = error { .unavailable(reason) } else { .unusableKey("\(error)") }
    }
}
