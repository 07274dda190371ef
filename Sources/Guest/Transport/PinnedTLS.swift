import Crypto
import Foundation
import NIOCore
import NIOSSL

/// The TLS side of a connection, as ``BrokerAddress/Trust`` wants it.
struct PinnedTLS: Sendable {
    private let context: NIOSSLContext
    private let pins: Set<[UInt8]>?
    /// An address cannot stand in SNI; the certificate is then checked against the address.
    private let serverName: String?

    /// - Returns: `nil` for plain HTTP.
    /// - Throws: ``GuestFailure`` of kind `unusable` when the CA's file cannot be read.
    init?(_ address: BrokerAddress) throws {
        var configuration = TLSConfiguration.makeClientConfiguration()
        configuration.minimumTLSVersion = .tlsv12
        switch address.trust {
        case .none: return nil
        case .pins(let pins): self.pins = pins
        case .system: pins = nil
        case .authority(let file):
            pins = nil
            do {
                let authorities = try NIOSSLCertificate.fromPEMFile(file)
                guard !authorities.isEmpty else { throw NIOSSLError.failedToLoadCertificate }
                configuration.trustRoots = .certificates(authorities)
            } catch {
                throw GuestFailure(.unusable, "--ca: \(file) holds no certificate in PEM that can be read.")
            }
        }
        context = try NIOSSLContext(configuration: configuration)
        serverName = (try? SocketAddress(ipAddress: address.host, port: 0)) == nil ? address.host : nil
    }

    func handler() throws -> NIOSSLClientHandler {
        guard let pins else { return try NIOSSLClientHandler(context: context, serverHostname: serverName) }
        // This replaces BoringSSL's own verification. What is left is the handshake's proof that the server
        // holds the certificate's key, and the pin on that key.
        return try NIOSSLClientHandler(context: context, serverHostname: serverName) { chain, promise in
            promise.completeWith(Result { try Self.isPinned(chain.first, pins) ? .certificateVerified : .failed })
        }
    }

    private static func isPinned(_ certificate: NIOSSLCertificate?, _ pins: Set<[UInt8]>) throws -> Bool {
        guard let key = try certificate?.extractPublicKey().toSPKIBytes() else { return false }
        // Public values on both sides: nothing to hide in the comparison.
        return pins.contains(Array(SHA256.hash(data: key)))
    }

    /// What to tell when the handshake failed; `nil` when it was not the server's identity that failed.
    func sentence(for error: any Error) -> String? {
        guard let error = error as? NIOSSLError else { return nil }
        guard case .handshakeFailed = error else {
            return error == .unableToValidateCertificate ? identity(error) : nil
        }
        return "\(error)".contains("CERTIFICATE_VERIFY_FAILED") ? identity(error) : nil
    }

    private func identity(_ error: NIOSSLError) -> String {
        pins == nil
            ? "The server's certificate was not accepted (\(error)). Check --ca, the host name in --url and this machine's clock."
            : "The server's key is not the one that --pin names. Someone else answers at this address, or the broker has "
                + "a new key: compare with the broker's operator."
    }
}
