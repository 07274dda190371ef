import Bytes
import COpenSSL

/// Key derivation. Source: RFC 5869.
public enum HKDF<Function: HashFunction> {
    /// The longest derived key, in bytes: 255 digests.
    public static var longestOutput: Int { 255 * Function.byteCount }

    /// - Parameters:
    ///   - salt: may be empty, which equals zeros of the digest's length.
    ///   - info: the key's purpose.
    ///   - outputByteCount: 1 to ``longestOutput``; traps otherwise.
    public static func deriveKey(
        inputKeyMaterial: SymmetricKey, salt: some Collection<UInt8> = [UInt8](),
        info: some Collection<UInt8> = [UInt8](), outputByteCount: Int
    ) -> SymmetricKey {
        precondition((1...longestOutput).contains(outputByteCount), "HKDF gives 1 to \(longestOutput) bytes")
        var parameters = Parameters()
        parameters.add("digest", text: Function.algorithm.name)
        inputKeyMaterial.withUnsafeBytes { parameters.add("key", bytes: $0) }
        if !salt.isEmpty { parameters.add("salt", bytes: salt) }
        if !info.isEmpty { parameters.add("info", bytes: info) }
        let context = EVP_KDF_CTX_new(Fetched.hkdf.pointer).required("memory for HKDF")
        defer { EVP_KDF_CTX_free(context) }
        return SymmetricKey(
            Secret(count: outputByteCount) { output in
                let isDone = parameters.withList {
                    EVP_KDF_derive(context, output.bindMemory(to: UInt8.self).baseAddress, outputByteCount, $0) == 1
                }
                if !isDone { stop("libcrypto cannot derive a key with HKDF and \(Function.algorithm.name)") }
            })
    }
}
