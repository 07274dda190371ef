import Administration
import NIOCore

/// Where a server may listen without TLS: on loopback, or where it was told that it may.
enum ListeningRule {
    /// - Throws: ``InvalidSetting`` that says how to get a certificate.
    static func check(_ settings: Settings) throws {
        guard try settings.tls.files() == nil, !settings.tls.allowsInsecureHTTP else { return }
        let address: SocketAddress
        do {
            // As the server's socket will resolve it.
            address = try .makeAddressResolvingHost(settings.listen.host, port: settings.listen.port)
        } catch {
            throw InvalidSetting("listen: the address \(settings.listen.host) cannot be found: \(error)")
        }
        guard !NetworkList.loopback.contains(address) else { return }
        throw InvalidSetting(
            """
            \(settings.listen) can be reached from other machines, and there is no TLS: registrations would carry \
            their secrets in the clear.
              For a trial:     kbs tls self-signed --name HOST --out FOLDER
              For the public:  certbot certonly -d HOST (or any other authority)
              Then:            kbs serve --tls-certificate FILE --tls-key FILE
            With TLS in front of this server, or on a network that you trust: --insecure-http
            """)
    }
}
