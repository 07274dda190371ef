package import FoundationEssentials
package import TLS

/// The server's TLS.
package struct TLSSettings: Sendable, Hashable {
    /// The server's certificate chain, as PEM; `nil` for plain HTTP.
    package var certificate: URL?
    /// The certificate's private key, as PEM.
    package var key: URL?
    /// Authorities of clients' certificates, as PEM; `nil`: clients are not asked for one.
    package var clientAuthorities: URL?
    package var minimumVersion = TLSVersion.tlsv12
    /// Whether to serve other machines without TLS.
    package var allowsInsecureHTTP = false

    package init() {}

    /// The files to serve with; `nil` for plain HTTP.
    ///
    /// - Throws: ``InvalidSetting`` if a setting needs another that is missing.
    package func files() throws -> TLSFiles? {
        switch (certificate, key) {
        case (let certificate?, let key?):
            return TLSFiles(
                certificate: certificate, key: key, clientAuthorities: clientAuthorities,
                minimumVersion: minimumVersion)
        case (.some, nil):
            throw InvalidSetting("tls.certificate is set and tls.key is not: a server needs both")
        case (nil, .some):
            throw InvalidSetting("tls.key is set and tls.certificate is not: a server needs both")
        case (nil, nil):
            guard clientAuthorities == nil else {
                throw InvalidSetting("tls.client_ca needs TLS: set tls.certificate and tls.key")
            }
            return nil
        }
    }
}

extension SettingKey {
    static let transport = [tlsCertificate, tlsKey, tlsClientCA, tlsMinimumVersion, insecureHTTP]

    package static let tlsCertificate = file(
        "tls.certificate", "PEM file with the server's certificate and its chain; turns TLS on", \.tls.certificate)

    package static let tlsKey = file("tls.key", "PEM file with the certificate's private key", \.tls.key)

    package static let tlsClientCA = file(
        "tls.client_ca", "PEM file with the authorities of clients' certificates, which remain optional",
        \.tls.clientAuthorities)

    package static let tlsMinimumVersion = SettingKey(
        "tls.minimum_version", "The oldest TLS version, 1.2 or 1.3", default: "1.2"
    ) {
        switch $0.text {
        case "1.2": $1.tls.minimumVersion = .tlsv12
        case "1.3": $1.tls.minimumVersion = .tlsv13
        default: throw $0.invalid("1.2 or 1.3, in quotes")
        }
    }

    package static let insecureHTTP = bool(
        "insecure_http", "Serve other machines without TLS", \.tls.allowsInsecureHTTP)
}
