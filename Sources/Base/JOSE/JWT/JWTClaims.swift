public import Bytes
public import Formats
public import FoundationEssentials

/// The claims of a verified JWT. Source: RFC 7519.
public struct JWTClaims: Sendable {
    /// A JSON object.
    public let values: JSON

    /// - Parameter payload: of a JWS whose signature was verified.
    /// - Throws: ``JOSEError/malformed(_:)`` unless it is a JSON object, parsed strictly.
    public init(_ payload: [UInt8]) throws(JOSEError) {
        guard let values = try? JSON(payload), values.kind == .object else {
            throw .malformed("The JWT's claims cannot be read.")
        }
        self.values = values
    }

    public subscript(name: String) -> JSON? { values[name] }

    /// A claim of one text or an array of texts. A dot in the path leads into an object.
    public func list(_ path: String) -> [ExactText] {
        // First the whole path: a claim's own name may have dots, such as a URL.
        let value = values[path] ?? path.split(separator: ".").reduce(values as JSON?) { $0?[String($1)] }
        guard let value else { return [] }
        return value.asText.map { [ExactText($0)] } ?? value.asArray?.compactMap { $0.asText.map { ExactText($0) } }
            ?? []
    }

    /// The accepted claims.
    public struct Rules: Sendable {
        /// `iss`.
        public var issuer: ExactText
        /// The required audience in `aud`; nil for any.
        public var audience: ExactText?
        /// The tolerance for clocks, in seconds.
        public var leeway: TimeInterval

        public init(issuer: ExactText, audience: ExactText?, leeway: TimeInterval = 30) {
            (self.issuer, self.audience, self.leeway) = (issuer, audience, leeway)
        }
    }

    /// - Throws: ``JOSEError/refusedClaims(_:)``: another issuer or audience, expired, without `exp`, or not valid yet.
    public func check(_ rules: Rules, at time: Date) throws(JOSEError) {
        guard let issuer = self["iss"]?.asText, ExactText(issuer) == rules.issuer else {
            throw .refusedClaims("The JWT is from another issuer than \(rules.issuer).")
        }
        if let audience = rules.audience {
            guard list("aud").contains(audience) else {
                throw .refusedClaims("The JWT is for another audience than \(audience).")
            }
        }
        try checkTimes(leeway: rules.leeway, at: time)
    }

    /// - Returns: `exp`, in seconds since 1970.
    /// - Throws: ``JOSEError/refusedClaims(_:)``: expired, without `exp`, or not valid yet.
    @discardableResult
    public func checkTimes(leeway: TimeInterval = 30, at time: Date) throws(JOSEError) -> TimeInterval {
        let now = time.timeIntervalSince1970
        guard let expiry = self["exp"]?.asNumber else {
            throw .refusedClaims("The JWT never expires: it must have exp.")
        }
        guard now < expiry + leeway else { throw .refusedClaims("The JWT has expired.") }
        guard let start = self["nbf"] else { return expiry }
        guard let start = start.asNumber, now > start - leeway else {
            throw .refusedClaims("The JWT is not valid yet: compare the clocks.")
        }
        return expiry
    }
}
