import CNettle
import Crypto

/// Verification of ECDSA signatures on P-384 by Nettle, in little more than half of OpenSSL's time: the main cost of an SNP
/// handshake. docs/decisions/0013-cryptography.md has the figures.
///
/// Nettle is not a FIPS module: in FIPS mode, Crypto ignores an installed function.
public enum FastP384 {
    /// Has Crypto verify P-384 signatures by Nettle.
    public static func install() { P384Verification.install(isValid) }

    /// The loaded library's version, e.g. `Nettle 3.8`.
    public static var version: String { "Nettle \(nettle_version_major()).\(nettle_version_minor())" }

    /// Nettle 3.8 refuses valid signatures with u₁·G = u₂·Q, as its addition has no result for equal points. Such
    /// signatures do not occur by chance: making one takes the private key.
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
