import Crypto
import Foundation
import HTTP
import HTTPClient
import TLS
import TestSupport
import X509

/// An authority that issues certificates to servers on loopback and to clients.
struct TestAuthority {
    private let key = P256.Signing.PrivateKey()
    private let name: DistinguishedName
    let pem: String

    struct Issued {
        let pem: String
        let keyPEM: String
        let der: [UInt8]

        func write(_ folder: TemporaryFolder, _ name: String = "tls") throws -> (certificate: URL, key: URL) {
            let files = (folder.file("\(name).crt"), folder.file("\(name).key"))
            try Data(pem.utf8).write(to: files.0)
            try Data(keyPEM.utf8).write(to: files.1)
            return files
        }
    }

    init(_ name: String = "Test authority") throws {
        self.name = try DistinguishedName { CommonName(name) }
        let certificate = try Certificate(
            version: .v3, serialNumber: .init(), publicKey: .init(key.publicKey),
            notValidBefore: Date().addingTimeInterval(-86_400), notValidAfter: Date().addingTimeInterval(86_400 * 365),
            issuer: self.name, subject: self.name, signatureAlgorithm: .ecdsaWithSHA256,
            extensions: try .init {
                Critical(BasicConstraints.isCertificateAuthority(maxPathLength: nil))
                Critical(KeyUsage(keyCertSign: true))
            }, issuerPrivateKey: .init(key))
        pem = try certificate.serializeAsPEM().pemString + "\n"
    }

    /// - Parameter days: from an hour or a day ago until then.
    func issue(_ subject: String, for usage: ExtendedKeyUsage.Usage = .serverAuth, days: Double = 90) throws -> Issued {
        let leaf = P256.Signing.PrivateKey()
        let certificate = try Certificate(
            version: .v3, serialNumber: .init(), publicKey: .init(leaf.publicKey),
            notValidBefore: Date().addingTimeInterval(-86_400 * 2),
            notValidAfter: Date().addingTimeInterval(86_400 * days), issuer: name,
            subject: try DistinguishedName { CommonName(subject) }, signatureAlgorithm: .ecdsaWithSHA256,
            extensions: try .init {
                Critical(BasicConstraints.notCertificateAuthority)
                try ExtendedKeyUsage([usage])
                SubjectAlternativeNames([
                    .dnsName("localhost"), .ipAddress(ASN1OctetString(contentBytes: [127, 0, 0, 1])),
                ])
            }, issuerPrivateKey: .init(key))
        let document = try certificate.serializeAsPEM()
        return Issued(pem: document.pemString + "\n", keyPEM: leaf.pemRepresentation, der: document.derBytes)
    }

    /// How a client trusts this authority, and no other.
    func clientTLS(
        _ identity: Issued? = nil, versions: ClosedRange<Int> = 2...3
    ) throws -> TLSConfiguration {
        let known: [TLSVersion] = [.tlsv1, .tlsv11, .tlsv12, .tlsv13]
        var tls = TLSConfiguration.makeClientConfiguration()
        tls.trustRoots = .certificates(try NIOSSLCertificate.fromPEMBytes(Array(pem.utf8)))
        tls.minimumTLSVersion = known[versions.lowerBound]
        tls.maximumTLSVersion = known[versions.upperBound]
        if let identity {
            tls.certificateChain = try NIOSSLCertificate.fromPEMBytes(Array(identity.pem.utf8)).map { .certificate($0) }
            tls.privateKey = .privateKey(try NIOSSLPrivateKey(bytes: Array(identity.keyPEM.utf8), format: .pem))
        }
        return tls
    }

    /// Asks a server for its greeting on a connection of its own.
    ///
    /// - Returns: the reply's body, and the server's certificate.
    static func greet(_ port: Int, _ tls: TLSConfiguration) async throws -> (text: String, certificate: [UInt8]) {
        let context = try NIOSSLContext(configuration: tls)
        let channel = try await ClientBootstrap(group: MultiThreadedEventLoopGroup.singleton)
            .connect(host: "127.0.0.1", port: port) { channel in
                channel.eventLoop.makeCompletedFuture {
                    try channel.pipeline.syncOperations.addHandler(
                        NIOSSLClientHandler(context: context, serverHostname: nil))
                    return try NIOAsyncChannel<ByteBuffer, ByteBuffer>(wrappingChannelSynchronously: channel)
                }
            }
        return try await channel.executeThenClose { inbound, outbound in
            // Fails, too, when the handshake does, and then reading says why.
            try? await outbound.write(ByteBuffer(string: "GET /kbs/v0 HTTP/1.1\r\nHost: x\r\n\r\n"))
            var text = ""
            for try await buffer in inbound {
                text += String(buffer: buffer)
                if text.contains("begins.") { break }
            }
            guard !text.isEmpty else { throw ChannelError.eof }
            let certificate = try await channel.channel.nioSSL_peerCertificate().flatMapThrowing {
                try $0?.toDERBytes()
            }.get()
            return (text, certificate ?? [])
        }
    }
}

/// A client of one configuration, for as long as `body` runs.
func withClient<R>(_ tls: TLSConfiguration, _ body: (HTTPClient) async throws -> R) async throws -> R {
    var configuration = HTTPClient.Configuration(tlsConfiguration: tls)
    configuration.httpVersion = .http1Only
    // A refused handshake is an answer, not a reason to try for long.
    configuration.timeout.connect = .seconds(60)
    configuration.connectionPool.retryConnectionEstablishment = false
    let client = HTTPClient(eventLoopGroupProvider: .singleton, configuration: configuration)
    do {
        let result = try await body(client)
        try await client.shutdown()
        return result
    } catch {
        try? await client.shutdown()
        throw error
    }
}
