import COpenSSL

/// Why a certificate or key cannot be used, as a sentence that says what it is instead and what to do.
public struct CertificateError: Error, Hashable, Sendable, CustomStringConvertible {
    public let description: String

    public init(_ description: String) { self.description = description }
}

extension CertificateError {
    /// After a failed call of libcrypto. What the call left in this thread's error queue is forgotten: the next reader of
    /// TLS would take it for its own.
    init(afterCall description: String) {
        ERR_clear_error()
        self.description = description
    }
}
