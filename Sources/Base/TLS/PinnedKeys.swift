import COpenSSL
import X509

/// A server's pinned keys, in place of authorities.
final class PinnedKeys: Sendable {
    private let pins: Set<[UInt8]>

    init(_ pins: Set<[UInt8]>) { self.pins = pins }

    /// Replaces libssl's verification of certificates. The handshake still proves that the server holds the certificate's
    /// key. The pins must live as long as the context.
    func install(in context: OpaquePointer) {
        SSL_CTX_set_cert_verify_callback(
            context,
            { chain, pins in
                guard let chain, let pins, let certificate = X509_STORE_CTX_get0_cert(chain) else { return 0 }
                let keys = Unmanaged<PinnedKeys>.fromOpaque(pins).takeUnretainedValue()
                guard let certificate = X509Certificate(sharing: certificate),
                    keys.pins.contains(certificate.keyPin)
                else {
                    // The alert to the server: bad_certificate.
                    X509_STORE_CTX_set_error(chain, X509_V_ERR_CERT_REJECTED)
                    return 0
                }
                X509_STORE_CTX_set_error(chain, X509_V_OK)
                return 1
            }, Unmanaged.passUnretained(self).toOpaque())
    }
}
