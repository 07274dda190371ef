import Bytes
import Crypto

/// The one-step key derivation of ECDH-ES, with SHA-256.
///
/// Source: RFC 7518, section 4.6.2; NIST SP 800-56A revision 3, section 5.8.2.1.
enum ConcatenationKDF {
    /// - Parameters:
    ///   - algorithm: the key-wrapping `alg`, or `enc` for direct encryption.
    ///   - partyU: the value of `apu`.
    ///   - partyV: the value of `apv`.
    ///   - byteCount: at most 32.
    static func derive(
        _ shared: SymmetricKey, algorithm: String, partyU: [UInt8] = [], partyV: [UInt8] = [], byteCount: Int
    ) -> SymmetricKey {
        var hash = SHA256()
        hash.update(data: UInt32(1).bigEndianBytes)  // One block of 256 bits.
        shared.withUnsafeBytes { hash.update(bufferPointer: $0) }
        for part in [Array(algorithm.utf8), partyU, partyV] {
            hash.update(data: part.lengthPrefixed)
        }
        hash.update(data: UInt32(clamping: byteCount * 8).bigEndianBytes)
        return SymmetricKey(data: hash.finalize().prefix(byteCount))
    }
}

/// The derivation of a key-wrapping key from an ML-KEM-768 secret.
///
/// Source: draft-ietf-jose-pqc-kem-04, section 6: KMAC256, without PartyUInfo and PartyVInfo.
enum PostQuantumKDF {
    static let algorithm = "ML-KEM-768+A192KW"

    /// - Parameter shared: 32 bytes.
    /// - Returns: a key of 192 bits.
    static func derive(_ shared: SymmetricKey) throws(CryptoError) -> SymmetricKey {
        let context = Array(algorithm.utf8).lengthPrefixed + UInt32(192).bigEndianBytes
        return try KMAC256.code(key: shared, message: context, byteCount: 24)
    }
}
