public import Broker

/// An identity provider whose JWTs are believed, and what they must say.
public struct JWTIssuer: Sendable, Hashable {
    /// `iss`, to the letter.
    public var issuer: String
    /// Must be in `aud`.
    public var audience: String
    /// Where its keys are: a file, or an `https` URL (`http` on loopback only).
    public var keys: String
    /// The claim that says what the caller may do; dots go into objects, e.g. `realm_access.roles`.
    public var roleClaim = "kbs_role"
    /// A claim's values and what they mean. Without any, the values are the roles' own names.
    public var roles: [String: Role] = [:]

    public init(issuer: String, audience: String, keys: String) {
        self.issuer = issuer
        self.audience = audience
        self.keys = keys
    }

    /// How many of the three that belong together are set.
    package var partsSet: Int { [issuer, audience, keys].count { !$0.isEmpty } }

    func role(_ value: String) -> Role? { roles.isEmpty ? Role(rawValue: value) : roles[value] }
}
