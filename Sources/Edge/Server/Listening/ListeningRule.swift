import HTTP
import HTTPServer
import Installation

/// Without TLS a server may listen on loopback and Unix sockets only, unless `--insecure-http` is given.
enum ListeningRule {
    /// - Throws: ``InvalidSetting`` that says how to get a certificate.
    static func check(_ settings: Settings) throws {
        guard try settings.tls.files() == nil, !settings.tls.allowsInsecureHTTP, settings.listensOnTCP else { return }
        do {
            // Resolved in the same way as by the server's socket.
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
