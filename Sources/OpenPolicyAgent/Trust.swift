import Foundation
import NIOSSL

extension TLSConfiguration {
    /// A client's that trusts the certificates of a PEM file, and no others.
    static func trusting(_ file: URL) throws -> TLSConfiguration {
        var configuration = TLSConfiguration.makeClientConfiguration()
        let certificates = try NIOSSLCertificate.fromPEMFile(file.path(percentEncoded: false))
        configuration.trustRoots = .certificates(certificates)
        return configuration
    }
}
