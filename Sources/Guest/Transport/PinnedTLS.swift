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
        case .pins(let pins):
            self.pins = pins
            // NIOSSL would still compare names after the callback. The callback itself is always called.
            configuration.certificateVerification = .noHostnameVerification
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

    /// What to tell when it was the server's identity that failed, which another try will not change.
    func sentence(for error: any Error) -> String? {
        switch error {
        case let error as NIOSSLExtraError where error == .failedToValidateHostname: identity(error)
        case NIOSSLError.unableToValidateCertificate: identity(error)
        // BoringSSL's codes are not public; its words are.
        case NIOSSLError.handshakeFailed where "\(error)".contains("CERTIFICATE_VERIFY_FAILED"): identity(error)
        default: nil
        }
    }

    private func identity(_ error: any Error) -> String {
        pins == nil
            ? "The server's certificate was not accepted (\(error)). Check --ca, the host name in --url and this machine's clock."
            : "The server's key is not the one that --pin names. Someone else answers at this address, or the broker has "
                + "a new key: compare with the broker's operator."
    }
}
