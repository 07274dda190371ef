import Crypto
import Foundation
import NIOCore
import NIOPosix
import NIOSSL
import SwiftASN1
import X509

/// A certificate authority and a server's certificate from it.
struct ServerIdentity {
    let authority: X509.Certificate
    let certificate: X509.Certificate
    let key: X509.Certificate.PrivateKey

    /// `sha256:` and hex over the key's SubjectPublicKeyInfo, as openssl would compute it.
    var pin: String {
        get throws {
            var serializer = DER.Serializer()
            try serializer.serialize(certificate.publicKey)
            return "sha256:" + SHA256.hash(data: serializer.serializedBytes).map { String(format: "%02x", $0) }.joined()
        }
    }

    var authorityPEM: String { get throws { try authority.serializeAsPEM().pemString } }

    init(host: String, from: Date = .now.addingTimeInterval(-3_600), to: Date = .now.addingTimeInterval(3_600)) throws {
        let authorityKey = X509.Certificate.PrivateKey(P256.Signing.PrivateKey())
        let authorityName = try DistinguishedName { CommonName("Test authority") }
        authority = try X509.Certificate(
            version: .v3, serialNumber: .init(), publicKey: authorityKey.publicKey,
            notValidBefore: .now.addingTimeInterval(-864_000), notValidAfter: .now.addingTimeInterval(864_000),
            issuer: authorityName, subject: authorityName, signatureAlgorithm: .ecdsaWithSHA256,
            extensions: try X509.Certificate.Extensions {
                Critical(BasicConstraints.isCertificateAuthority(maxPathLength: nil))
                Critical(KeyUsage(keyCertSign: true))
            }, issuerPrivateKey: authorityKey)
        key = X509.Certificate.PrivateKey(P256.Signing.PrivateKey())
        certificate = try X509.Certificate(
            version: .v3, serialNumber: .init(), publicKey: key.publicKey, notValidBefore: from, notValidAfter: to,
            issuer: authorityName, subject: try DistinguishedName { CommonName("broker") },
            signatureAlgorithm: .ecdsaWithSHA256,
            extensions: try X509.Certificate.Extensions {
                SubjectAlternativeNames([.dnsName(host)])
            }, issuerPrivateKey: authorityKey)
    }

    func configuration() throws -> TLSConfiguration {
        .makeServerConfiguration(
            certificateChain: [
                .certificate(
                    try NIOSSLCertificate(bytes: Array(certificate.serializeAsPEM().pemString.utf8), format: .pem))
            ],
            privateKey: .privateKey(
                try NIOSSLPrivateKey(bytes: Array(key.serializeAsPEM().pemString.utf8), format: .pem)))
    }
}

/// Ends TLS in front of a plain server, both on loopback.
struct TLSFront {
    let port: Int

    static func run(_ identity: ServerIdentity, before backend: Int, _ body: (TLSFront) async throws -> Void)
        async throws
    {
        let context = try NIOSSLContext(configuration: identity.configuration())
        let server = try await ServerBootstrap(group: MultiThreadedEventLoopGroup.singleton)
            .childChannelInitializer { outside in
                outside.eventLoop.makeCompletedFuture {
                    try outside.pipeline.syncOperations.addHandler(NIOSSLServerHandler(context: context))
                }.flatMap {
                    ClientBootstrap(group: outside.eventLoop).connect(host: "127.0.0.1", port: backend)
                }.flatMapThrowing { inside in
                    try inside.pipeline.syncOperations.addHandler(Relay(to: outside))
                    try outside.pipeline.syncOperations.addHandler(Relay(to: inside))
                }
            }
            .bind(host: "127.0.0.1", port: 0).get()
        do {
            try await body(TLSFront(port: server.localAddress?.port ?? 0))
        } catch {
            try? await server.close()
            throw error
        }
        try await server.close()
    }
}

private final class Relay: ChannelInboundHandler {
    typealias InboundIn = ByteBuffer
    private let other: any Channel

    init(to other: any Channel) { self.other = other }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        other.writeAndFlush(unwrapInboundIn(data), promise: nil)
    }
    func channelInactive(context: ChannelHandlerContext) { other.close(promise: nil) }
    func errorCaught(context: ChannelHandlerContext, error: any Error) { context.close(promise: nil) }
}
