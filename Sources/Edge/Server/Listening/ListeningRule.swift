import HTTP
import HTTPServer
import Installation

/// Where a server may listen without TLS: on loopback and on Unix sockets, or where it was told that it may.
enum ListeningRule {
    /// - Throws: ``InvalidSetting`` that says how to get a certificate.
    static func check(_ settings: Settings) throws {
        guard try settings.tls.files() == nil, !settings.tls.allowsInsecureHTTP, settings.listensOnTCP else { return }
        do {
            // As the server's socket will resolve it.
            guard try settings.listen.listening.resolved()?.isLoopback != true else { return }
        } catch {
            throw InvalidSetting("listen: \(error)")
        }
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
