import Glibc
import HTTP

/// What a balancer in TCP mode says of the client, before TLS and before the first request.
extension Connection {
    /// Reads not one byte more than the header has: what follows is TLS's.
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
            // Nobody knows what the other end speaks.
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
