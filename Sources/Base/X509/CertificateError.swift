import COpenSSL

/// An unusable certificate or key, as a sentence with the fault and the remedy.
public struct CertificateError: Error, Hashable, Sendable, CustomStringConvertible {
    public let description: String

    public init(_ description: String) { self.description = description }
}

extension CertificateError {
    /// The error of a failed call of libcrypto. Clears this thread's error queue, as the next TLS operation would take it
    /// for its own.
    init(afterCall description: String) {
        ERR_clear_error()
        self.description = description
    }
}

/// The result of an `i2d_` function of libcrypto.
///
/// - Parameter encode: allocates the bytes, and returns their count.
/// - Returns: nil on failure.
func encoded(_ encode: (inout UnsafeMutablePointer<UInt8>?) -> Int32) -> [UInt8]? {
    var bytes: UnsafeMutablePointer<UInt8>?
    let count = encode(&bytes)
    guard count > 0, let bytes else {
        ERR_clear_error()
        return nil
    }
    defer { CRYPTO_free(bytes, #file, #line) }
    return Array(UnsafeBufferPointer(start: bytes, count: Int(count)))
}
