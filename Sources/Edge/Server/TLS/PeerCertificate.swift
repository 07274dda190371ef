import FoundationEssentials
import HTTPServer
import Installation
import TLS
import X509

/// A client's certificate that leads to `tls.client_ca`.
enum PeerCertificate {
    /// Checks the expiry again: TLS checks it when a connection begins, and not at all when it resumes a session.
    ///
    /// - Returns: DER; `nil` without a certificate, or if it has expired since.
    static func believed(_ certificate: X509Certificate?, at now: Date = Date()) -> [UInt8]? {
        certificate.flatMap { now <= $0.notAfter ? $0.der : nil }
    }
}

extension CurrentTLS {
    /// DER of the client's certificate; `nil` without one, or if it is no longer valid here.
    func believed(_ peer: TLSPeer?) -> [UInt8]? {
        guard let peer, let certificate = peer.certificate,
            // The certificate was verified against the authorities at the connection's beginning.
            peer.context.clientAuthoritiesDigest == served.context.clientAuthoritiesDigest
        else { return nil }
        return PeerCertificate.believed(certificate)
    }
}
