public import Crypto
import FoundationEssentials

/// An operator's signing key with its certificate, used for tokens in place of the server's own keys.
public struct TokenIdentity: Sendable {
    let key: TokenKey

    /// - Parameters:
    ///   - key: the private key.
    ///   - chain: DER, the key's own certificate first.
    public init(_ key: P256.Signing.PrivateKey, chain: [[UInt8]]) {
        self.key = TokenKey(key, created: .distantPast, chain: chain)
    }
}
