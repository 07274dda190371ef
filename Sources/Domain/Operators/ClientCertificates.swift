public import Broker
import Bytes
import X509

/// The roles of client certificates. TLS has verified the certificates before.
public struct ClientCertificates: Sendable {
    /// Names as `cn:ops`, `dns:ci.example.org`, `uri:spiffe://example.org/registrar`, `email:a@example.org`.
    private let roles: [ExactText: Authority]

    public var isEmpty: Bool { roles.isEmpty }

    public static let none = ClientCertificates(roles: [:])

    private init(roles: [ExactText: Authority]) { self.roles = roles }

    /// Reads entries such as `dns:ci.example.org=registrar`.
    ///
    /// - Throws: a ``Refusal`` that names the entry.
    public init(_ entries: [String]) throws(Refusal) {
        var roles: [ExactText: Authority] = [:]
        for entry in entries {
            guard let mark = entry.lastIndex(of: "="),
                let role = Authority(exactly: entry[entry.index(after: mark)...]),
                let colon = entry.firstIndex(of: ":"), colon < mark,
                (["cn", "dns", "uri", "email"] as [ExactText]).contains(ExactText(entry[..<colon]))
            else {
                throw Refusal(
                    .invalidField,
                    "\"\(entry)\" should be a name and a role: dns:ci.example.org=registrar:team-a/, cn:NAME=auditor, "
                        + "uri:spiffe://…=admin or email:…=admin.")
            }
            roles[ExactText(entry[..<mark])] = role
        }
        self.roles = roles
    }

    /// The operator that a certificate identifies.
    ///
    /// - Parameter der: the verified certificate.
    /// - Returns: the operator under the name whose role has the most rights, with the roles of all names; `nil` if no
    ///   name has a role.
    public func caller(_ der: [UInt8]) -> Operator? {
        guard let certificate = try? X509Certificate(der: der) else { return nil }
        let named = Self.names(of: certificate).compactMap { name in roles[name].map { (name, $0) } }
        return named.max { $0.1.role < $1.1.role }.map { Operator(.certificate($0.0.text), named.map(\.1)) }
    }

    private static func names(of certificate: X509Certificate) -> [ExactText] {
        certificate.subject.commonNames.map { "cn:\($0)" }
            + certificate.alternativeNames.compactMap { name in
                switch name {
                case .dns(let name): "dns:\(name)"
                case .uri(let uri): "uri:\(uri)"
                case .email(let address): "email:\(address)"
                default: nil
                }
            }
    }
}
