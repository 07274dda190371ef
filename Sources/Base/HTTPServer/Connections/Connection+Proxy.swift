import Glibc
import HTTP

/// The PROXY protocol's header, before TLS and the first request.
extension Connection {
    /// Reads exactly the header's bytes: OpenSSL reads what follows from the socket itself.
    func readProxyHeader() {
        do {
            while true {
                let length = try ProxyHeader.length(proxyHeader)
                if let length, proxyHeader.count >= length { return take(try ProxyHeader(proxyHeader)) }
                let wanted = (length ?? ProxyHeader.fixedLength) - proxyHeader.count
                switch receiveRaw(into: &proxyHeader, atMost: wanted) {
                case .some: continue
                case .nothing: return
                case .end: return close()
                }
            }
        } catch {
            // Without a response: the client's protocol is unknown.
            service.observe(.malformed(error, peer))
            close()
        }
    }

    private func take(_ header: ProxyHeader) {
        proxyHeader = []
        if case .proxied(let address) = header {
            guard service.counts.move(from: peer.address, to: address) else {
                service.observe(.connectionRefused(Peer(address: address)))
                return close()
            }
            peer = Peer(address: address)
        }
        begin()
        mustAdvance = true
    }
}
