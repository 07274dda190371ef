import Bytes
import Crypto

/// The one-step key derivation that ECDH-ES uses, with SHA-256.
///
/// Source: RFC 7518, section 4.6.2; NIST SP 800-56A revision 3, section 5.8.2.1.
enum ConcatenationKDF {
    /// - Parameters:
    ///   - algorithm: the key-wrapping `alg`, or the `enc` where the key encrypts by itself.
    ///   - partyU: what `apu` holds.
    ///   - partyV: what `apv` holds.
    ///   - byteCount: at most 32.
    static func derive(
        _ shared: SymmetricKey, algorithm: String, partyU: [UInt8] = [], partyV: [UInt8] = [], byteCount: Int
    ) -> SymmetricKey {
        var hash = SHA256()
        hash.update(data: UInt32(1).bigEndianBytes)  // One block is enough for 256 bits.
        shared.withUnsafeBytes { hash.update(bufferPointer: $0) }
        for part in [Array(algorithm.utf8), partyU, partyV] {
            hash.update(data: UInt32(clamping: part.count).bigEndianBytes + part)
        }
        hash.update(data: UInt32(clamping: byteCount * 8).bigEndianBytes)
        return SymmetricKey(data: hash.finalize().prefix(byteCount))
    }
}

/// How a key that wraps is derived from what ML-KEM-768 agreed on.
///
/// Source: draft-ietf-jose-pqc-kem-04, section 6: KMAC256, without PartyUInfo and PartyVInfo.
enum PostQuantumKDF {
    static let algorithm = "ML-KEM-768+A192KW"

    /// - Parameter shared: 32 bytes.
    /// - Returns: a key of 192 bits.
    static func derive(_ shared: SymmetricKey) throws(CryptoError) -> SymmetricKey {
        let name = Array(algorithm.utf8)
        let context = UInt32(clamping: name.count).bigEndianBytes + name + UInt32(192).bigEndianBytes
        return try KMAC256.code(key: shared, message: context, byteCount: 24)
    }
}
