import FoundationEssentials
import HTTPEdge
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

/// Tells the routes which certificate the client has shown, unless that proves nothing any more.
struct PeerCertificateMiddleware: RouterMiddleware {
    /// `nil` for plain HTTP.
    let tls: CurrentTLS?

    func handle(
        _ request: Request, context: KBSRequestContext, next: (Request, KBSRequestContext) async throws -> Response
    ) async throws -> Response {
        guard let tls, let peer = context.tlsPeer, let certificate = peer.certificate,
            // It was held against the authorities that there were when the connection began.
            peer.context.clientAuthoritiesDigest == tls.served.context.clientAuthoritiesDigest
        else { return try await next(request, context) }
        var context = context
        context.peerCertificate = PeerCertificate.believed(certificate)
        return try await next(request, context)
    }
}
