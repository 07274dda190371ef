public import Broker
public import Bytes

/// An identity provider whose JWTs are accepted, and the requirements on them.
public struct JWTIssuer: Sendable, Hashable {
    /// `iss`.
    public var issuer: ExactText
    /// Required in `aud`.
    public var audience: ExactText
    /// The location of its keys: a file, or an `https` URL (`http` on loopback only).
    public var keys: String
    /// The claim with the caller's roles; a dot steps into an object, e.g. `realm_access.roles`.
    public var roleClaim = "kbs_role"
    /// The roles of the claim's values. If empty, the values are the roles' own names.
    public var roles: [ExactText: Authority] = [:]

    public init(issuer: ExactText, audience: ExactText, keys: String) {
        self.issuer = issuer
        self.audience = audience
        self.keys = keys
    }

    /// How many of issuer, audience and keys are set; they are needed together.
    package var partsSet: Int { [issuer.text, audience.text, keys].count { !$0.isEmpty } }

    func authority(_ value: ExactText) -> Authority? {
        roles.isEmpty ? Authority(exactly: value.text) : roles[value]
    }
}
