import CNettle
import Crypto

/// Verification of ECDSA on P-384 by Nettle, which takes little more than half of the time that OpenSSL's takes. It is what
/// an SNP handshake mostly consists of. docs/decisions/0013-cryptography.md has the figures.
///
/// Nettle is no FIPS module: ``install()`` fills Crypto's slot, and Crypto leaves it alone in FIPS mode.
public enum FastP384 {
    /// Has Crypto verify P-384 signatures by Nettle from now on.
    public static func install() { P384Verification.install(isValid) }

    /// The loaded Nettle, e.g. `Nettle 3.8`.
    public static var version: String { "Nettle \(nettle_version_major()).\(nettle_version_minor())" }

    /// Whether a key made a signature over a digest.
    ///
    /// Nettle 3.8 refuses a valid signature where u₁·G = u₂·Q: its addition has no result for two equal points. It takes
    /// the private key to make such a signature, and chance makes none.
    ///
    /// - Parameters:
    ///   - key: 04 ‖ x ‖ y.
    ///   - signature: r ‖ s.
    static func isValid(_ key: [UInt8], _ signature: [UInt8], _ digest: UnsafeBufferPointer<UInt8>) -> Bool {
        guard key.count == 97, key.first == 4, signature.count == 96, let start = digest.baseAddress else {
            return false
        }
        return key.withUnsafeBufferPointer { key in
            guard let point = key.baseAddress else { return false }
            return kbs_p384_is_valid(point + 1, signature, start, digest.count) == 1
        }
    }
}
