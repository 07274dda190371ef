public import Broker
public import Bytes

/// An identity provider whose JWTs are believed, and what they must say.
public struct JWTIssuer: Sendable, Hashable {
    /// `iss`.
    public var issuer: ExactText
    /// Must be in `aud`.
    public var audience: ExactText
    /// Where its keys are: a file, or an `https` URL (`http` on loopback only).
    public var keys: String
    /// The claim that says what the caller may do; dots go into objects, e.g. `realm_access.roles`.
    public var roleClaim = "kbs_role"
    /// A claim's values and what they mean. Without any, the values are the roles' own names.
    public var roles: [ExactText: Authority] = [:]

    public init(issuer: ExactText, audience: ExactText, keys: String) {
        self.issuer = issuer
        self.audience = audience
        self.keys = keys
    }

    /// How many of the three that belong together are set.
    package var partsSet: Int { [issuer.text, audience.text, keys].count { !$0.isEmpty } }

    func authority(_ value: ExactText) -> Authority? {
        roles.isEmpty ? Authority(exactly: value.text) : roles[value]
    }
}
