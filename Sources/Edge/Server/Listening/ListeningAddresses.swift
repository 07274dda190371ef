import Files
import HTTPServer
import Installation

extension Settings.Address {
    /// The address in the HTTP server's type.
    var listening: ListeningAddress { .tcp(host: host, port: UInt16(clamping: port)) }
}

extension Settings {
    /// The addresses to listen on.
    ///
    /// - Throws: ``InvalidSetting`` if this machine has no group of the socket's name.
    func listeningAddresses() throws -> [ListeningAddress] {
        var addresses: [ListeningAddress] = listensOnTCP ? [listen.listening] : []
        if let path = socket.path {
            let group = try socket.group.map { name in
                guard let group = AccountGroup(named: name) else {
                    throw InvalidSetting("socket.group: this machine has no group \(name)")
                }
                return group.id
            }
            addresses.append(.unix(path: path, mode: socket.mode, group: group))
        }
        return addresses
    }
}
