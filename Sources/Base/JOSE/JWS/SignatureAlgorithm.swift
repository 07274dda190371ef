/// A JWS's algorithm. Without `none` and symmetric algorithms, whose verifiers can sign.
///
/// Source: RFC 7518, section 3.1; RFC 8037, section 3.1.
public enum SignatureAlgorithm: String, Sendable, CaseIterable {
    case rs256 = "RS256"
    case rs384 = "RS384"
    case rs512 = "RS512"
    case ps256 = "PS256"
    case ps384 = "PS384"
    case ps512 = "PS512"
    case es256 = "ES256"
    case es384 = "ES384"
    case es512 = "ES512"
    /// Ed25519.
    case edDSA = "EdDSA"
}
