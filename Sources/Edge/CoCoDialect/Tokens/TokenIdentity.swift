public import Crypto
import FoundationEssentials

/// A key that an operator has a certificate for, to sign tokens with in place of those that the server makes.
public struct TokenIdentity: Sendable {
    let key: TokenKey

    /// - Parameters:
    ///   - key: the private key.
    ///   - chain: DER, the key's own certificate first.
    public init(_ key: P256.Signing.PrivateKey, chain: [[UInt8]]) {
        self.key = TokenKey(key, created: .distantPast, chain: chain)
    }
}
