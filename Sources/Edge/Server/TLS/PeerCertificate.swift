import FoundationEssentials
import HTTPServer
import Installation
import TLS
import X509

/// A client's certificate that leads to `tls.client_ca`.
enum PeerCertificate {
    /// TLS looks at the time when a connection begins, and not at all when it resumes an earlier one.
    ///
    /// - Returns: DER; `nil` when the client showed none, or it has expired since.
    static func believed(_ certificate: X509Certificate?, at now: Date = Date()) -> [UInt8]? {
        certificate.flatMap { now <= $0.notAfter ? $0.der : nil }
    }
}

extension CurrentTLS {
    /// DER of the certificate that the client has shown; `nil` when it proves nothing any more.
    func believed(_ peer: TLSPeer?) -> [UInt8]? {
        guard let peer, let certificate = peer.certificate,
            // It was held against the authorities that there were when the connection began.
            peer.context.clientAuthoritiesDigest == served.context.clientAuthoritiesDigest
        else { return nil }
        return PeerCertificate.believed(certificate)
    }
}
