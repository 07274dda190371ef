/// The actor of an audit record, as text: a kind, and a name within that kind.
public struct Actor: Sendable, Hashable, CustomStringConvertible {
    public let description: String

    private init(_ kind: String, _ name: String) {
        // A name may come from outside: it is bounded, and the kind before it cannot be imitated.
        description = name.isEmpty ? kind : "\(kind):\(name.prefix(256))"
    }

    /// A confidential guest, or for SEV its host. The record's evidence identifies it.
    public static let guest = Actor("guest", "")
    /// The server itself.
    public static let server = Actor("server", "")
    /// The bearer of an access token.
    public static func token(_ id: String) -> Actor { Actor("token", id) }
    /// The subject of a JWT.
    public static func jwt(issuer: String, subject: String) -> Actor { Actor("jwt", "\(subject) from \(issuer)") }
    /// The holder of an operator's key, named by its thumbprint.
    public static func operatorKey(_ thumbprint: String) -> Actor { Actor("key", thumbprint) }
    /// The subject of a client certificate.
    public static func certificate(_ subject: String) -> Actor { Actor("certificate", subject) }
    /// A user of the server's machine with access to its data folder.
    public static func local(user: UInt32) -> Actor { Actor("local", "uid \(user)") }
    /// A caller without credentials.
    public static func anonymous(_ address: String) -> Actor { Actor("anonymous", address) }
}
