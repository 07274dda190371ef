import Bytes
import COpenSSL

/// KMAC256, a message authentication code over Keccak.
///
/// Source: NIST SP 800-185, section 4.
public enum KMAC256 {
    /// - Parameters:
    ///   - key: at least 4 bytes (libcrypto's rule).
    ///   - byteCount: the code's length, which is part of the input: a shorter code is not a prefix of a longer one.
    ///   - customization: S in the standard.
    /// - Throws: ``CryptoError`` when libcrypto lacks KMAC, or its configuration (FIPS) forbids this use.
    public static func code(
        key: SymmetricKey, message: some Collection<UInt8>, byteCount: Int,
        customization: some Collection<UInt8> = [UInt8]()
    ) throws(CryptoError) -> SymmetricKey {
        guard byteCount > 0 else { throw .incorrectSize("a KMAC256 code has at least one byte") }
        var parameters = Parameters()
        parameters.add("size", size: byteCount)
        if !customization.isEmpty { parameters.add("custom", bytes: customization) }
        guard Fetched.kmac256.isAvailable, let context = EVP_MAC_CTX_new(Fetched.kmac256.pointer) else {
            throw cleared(unusable)
        }
        defer { EVP_MAC_CTX_free(context) }
        var code = [UInt8](repeating: 0, count: byteCount)
        let isReady = key.withUnsafeBytes { bytes in
            bytes.withBytes { key, count in
                parameters.withList { EVP_MAC_init(context, key, count, $0) == 1 }
            }
        }
        guard isReady, message.withBytes({ EVP_MAC_update(context, $0, $1) == 1 }) else { throw cleared(unusable) }
        var written = 0
        guard EVP_MAC_final(context, &code, &written, byteCount) == 1, written == byteCount else {
            throw cleared(unusable)
        }
        return SymmetricKey(Secret(wiping: &code))
    }

    private static var unusable: CryptoError {
        .unavailable("KMAC256 of libcrypto (\(CryptoLibrary.version)) cannot be used: does openssl.cnf forbid it?")
    }
}
