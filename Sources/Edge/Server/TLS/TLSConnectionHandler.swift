import FoundationEssentials
import Logging
import NIOCore
import NIOSSL
import SwiftASN1
import X509

/// Knows who is at the other end of a connection. Stands behind TLS.
final class TLSConnectionHandler: ChannelInboundHandler {
    typealias InboundIn = NIOAny

    private let tls: NIOSSLServerHandler
    /// Those that a client's certificate was held against.
    private let authorities: [UInt8]
    private let current: CurrentTLS
    private let counters: LimitCounters
    private let logger: Logger
    /// `nil` until it was looked for.
    private var found: PeerCertificate??

    /// - Parameters:
    ///   - identity: what the connection begins with.
    ///   - current: where the one that replaces it will be.
    init(
        _ tls: NIOSSLServerHandler, of identity: TLSIdentity, in current: CurrentTLS, counters: LimitCounters,
        logger: Logger
    ) {
        self.tls = tls
        authorities = identity.authorities
        self.current = current
        self.counters = counters
        self.logger = logger
    }

    /// The verified certificate of the client; `nil` when it showed none, or the authorities were replaced since.
    fileprivate var peerCertificate: PeerCertificate? {
        guard current.identity.authorities == authorities else { return nil }
        if let found { return found }
        let certificate = tls.peerCertificate.flatMap { try? $0.toDERBytes() }.flatMap(PeerCertificate.init)
        found = .some(certificate)
        return certificate
    }

    func errorCaught(context: ChannelHandlerContext, error: any Error) {
        if case NIOSSLError.handshakeFailed(let reason) = error {
            counters.count(.handshake)
            logger.debug(
                "A TLS handshake failed.",
                metadata: [
                    "address": "\(context.channel.remoteAddress?.ipAddress ?? "unknown")", "reason": "\(reason)",
                ])
        }
        context.fireErrorCaught(error)
    }
}

/// A client's certificate that leads to `tls.client_ca`.
struct PeerCertificate: Sendable {
    let der: [UInt8]
    private let expiry: Date

    init?(_ der: [UInt8]) {
        guard let certificate = try? Certificate(derEncoded: der) else { return nil }
        self.der = der
        expiry = certificate.notValidAfter
    }

    /// TLS looks at the time when a connection begins, and not at all when it resumes an earlier one.
    func isValid(at now: Date) -> Bool { now <= expiry }

    /// That of a connection. Cheap: it is read once for each connection.
    ///
    /// - Returns: `nil` when the client showed none, its certificate has expired since, the connection is without
    ///   TLS, or this is not the connection's event loop.
    static func current(of channel: any Channel, at now: Date = Date()) -> [UInt8]? {
        guard channel.eventLoop.inEventLoop,
            let handler = try? channel.pipeline.syncOperations.handler(type: TLSConnectionHandler.self),
            let certificate = handler.peerCertificate, certificate.isValid(at: now)
        else { return nil }
        return certificate.der
    }
}
