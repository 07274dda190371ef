import COpenSSL

/// HMAC, a message authentication code. Source: RFC 2104, FIPS 198-1.
public enum HMAC<Function: HashFunction> {
    public typealias MAC = DigestOf<Function>

    public static func authenticationCode(for message: some Collection<UInt8>, using key: SymmetricKey) -> MAC {
        message.withBytes { start, count in
            MAC(Function.algorithm.hmac.code(start, count, key, byteCount: Function.byteCount))
        }
    }

    /// Compares in constant time. A truncated code is not valid.
    public static func isValidAuthenticationCode(
        _ code: some Collection<UInt8>, authenticating message: some Collection<UInt8>, using key: SymmetricKey
    ) -> Bool {
        equalInConstantTime(authenticationCode(for: message, using: key), code)
    }
}

/// An HMAC without key and message. Copying it avoids libcrypto's look-up of the hash function by name.
final class MACTemplate: @unchecked Sendable {
    private let context: OpaquePointer
    private let digest: String

    init(digest: String) {
        self.digest = digest
        context = EVP_MAC_CTX_new(Fetched.hmac.pointer).required("memory for HMAC")
        var parameters = Parameters()
        parameters.add("digest", text: digest)
        // An arbitrary key: each copy gets its own.
        let isReady = parameters.withList { EVP_MAC_init(context, [0], 1, $0) == 1 }
        if !isReady { stop("libcrypto (\(CryptoLibrary.version)) does not have HMAC with \(digest)") }
    }

    deinit { EVP_MAC_CTX_free(context) }

    func code(_ message: UnsafePointer<UInt8>, _ count: Int, _ key: SymmetricKey, byteCount: Int) -> [UInt8] {
        let copy = EVP_MAC_CTX_dup(context).required("memory for HMAC")
        defer { EVP_MAC_CTX_free(copy) }
        let hasKey = key.withUnsafeBytes { bytes in
            bytes.withBytes { EVP_MAC_init(copy, $0, $1, nil) == 1 }
        }
        guard hasKey, EVP_MAC_update(copy, message, count) == 1 else { stop("libcrypto cannot do HMAC with \(digest)") }
        return [UInt8].filled(capacity: byteCount) {
            var written = 0
            return EVP_MAC_final(copy, $0, &written, byteCount) == 1 ? written : nil
        }.required("a code")
    }
}
