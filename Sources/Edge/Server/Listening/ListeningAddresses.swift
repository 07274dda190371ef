import Files
import HTTPServer
import Installation

extension Settings.Address {
    /// As the server's socket has it.
    var listening: ListeningAddress { .tcp(host: host, port: UInt16(clamping: port)) }
}

extension Settings {
    /// Every place to listen on.
    ///
    /// - Throws: ``InvalidSetting`` when this machine does not know the socket's group.
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
