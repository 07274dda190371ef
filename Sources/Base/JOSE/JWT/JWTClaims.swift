public import Formats
public import FoundationEssentials

/// The claims of a JWT that is signed, whatever they are. Source: RFC 7519.
public struct JWTClaims: Sendable {
    /// A JSON object.
    public let values: JSON

    /// - Parameter payload: of a JWS whose signature was verified.
    /// - Throws: ``JOSEError/malformed(_:)`` unless it is a JSON object, which is read strictly.
    public init(_ payload: [UInt8]) throws(JOSEError) {
        guard let values = try? JSON(payload), values.kind == .object else {
            throw .malformed("The JWT's claims cannot be read.")
        }
        self.values = values
    }

    public subscript(name: String) -> JSON? { values[name] }

    /// A claim that is one text, or several. Dots go into objects.
    public func list(_ path: String) -> [String] {
        // A claim may have a dot in its own name, as URLs do.
        let value = values[path] ?? path.split(separator: ".").reduce(values as JSON?) { $0?[String($1)] }
        guard let value else { return [] }
        return value.asText.map { [$0] } ?? value.asArray?.compactMap(\.asText) ?? []
    }

    /// What claims must be like.
    public struct Rules: Sendable {
        /// `iss`, to the letter.
        public var issuer: String
        /// Must be in `aud`; nil when it is not looked at.
        public var audience: String?
        /// For clocks that differ, in seconds.
        public var leeway: TimeInterval

        public init(issuer: String, audience: String?, leeway: TimeInterval = 30) {
            (self.issuer, self.audience, self.leeway) = (issuer, audience, leeway)
        }
    }

    /// - Throws: ``JOSEError/refusedClaims(_:)``: another issuer or audience, expired, without `exp`, or not valid yet.
    public func check(_ rules: Rules, at time: Date) throws(JOSEError) {
        guard let issuer = self["iss"]?.asText, Self.isSame(issuer, rules.issuer) else {
            throw .refusedClaims("The JWT is from another issuer than \(rules.issuer).")
        }
        if let audience = rules.audience {
            guard list("aud").contains(where: { Self.isSame($0, audience) }) else {
                throw .refusedClaims("The JWT is for another audience than \(audience).")
            }
        }
        let now = time.timeIntervalSince1970
        guard let expiry = self["exp"]?.asNumber else {
            throw .refusedClaims("The JWT never expires: it must have exp.")
        }
        guard now < expiry + rules.leeway else { throw .refusedClaims("The JWT has expired.") }
        guard let start = self["nbf"] else { return }
        guard let start = start.asNumber, now > start - rules.leeway else {
            throw .refusedClaims("The JWT is not valid yet: compare the clocks.")
        }
    }

    /// As bytes: texts that only look the same are not.
    private static func isSame(_ a: String, _ b: String) -> Bool { a.utf8.elementsEqual(b.utf8) }
}
