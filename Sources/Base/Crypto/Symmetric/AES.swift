import COpenSSL

/// The Advanced Encryption Standard. Source: FIPS 197.
public enum AES {
    /// The ciphers of a mode, by key length.
    struct Ciphers {
        let bits128, bits192, bits256: FetchedAlgorithm

        func cipher(for key: SymmetricKey) throws(CryptoError) -> OpaquePointer {
            switch key.bitCount {
            case 128: bits128.pointer
            case 192: bits192.pointer
            case 256: bits256.pointer
            default: throw .incorrectSize("an AES key has 16, 24 or 32 bytes, not \(key.bitCount / 8)")
            }
        }
    }

    static func checkLength(_ count: Int) throws(CryptoError) {
        // libcrypto counts in `int`.
        guard count <= Int(Int32.max) - 64 else { throw .incorrectSize("it is too long to be encrypted at once") }
    }
}

/// Owns the state of one encryption (EVP_CIPHER_CTX), with the key's schedule. It is wiped when freed.
struct CipherContext: ~Copyable {
    let pointer: OpaquePointer

    init() { pointer = EVP_CIPHER_CTX_new().required("memory for a cipher") }

    deinit { EVP_CIPHER_CTX_free(pointer) }

    /// - Parameter nonce: of the cipher's length.
    func begin(
        _ cipher: OpaquePointer, _ key: SymmetricKey, _ nonce: UnsafePointer<UInt8>?, encrypting: Bool
    ) -> Bool {
        key.withUnsafeBytes { bytes in
            bytes.withBytes { key, _ in
                EVP_CipherInit_ex2(pointer, cipher, key, nonce, encrypting ? 1 : 0, nil) == 1
            }
        }
    }

    /// - Parameter output: nil for additional authenticated data.
    /// - Returns: the number of bytes written.
    func update(_ output: UnsafeMutablePointer<UInt8>?, _ input: UnsafePointer<UInt8>, _ count: Int) -> Int? {
        var written: Int32 = 0
        return EVP_CipherUpdate(pointer, output, &written, input, Int32(count)) == 1 ? Int(written) : nil
    }

    /// - Parameter additional: data that is authenticated, and not encrypted.
    func authenticate(_ additional: some Collection<UInt8>) -> Bool {
        additional.withBytes { start, count in count == 0 || update(nil, start, count) != nil }
    }

    func finish(_ output: UnsafeMutablePointer<UInt8>) -> Int? {
        var written: Int32 = 0
        return EVP_CipherFinal_ex(pointer, output, &written) == 1 ? Int(written) : nil
    }
}
