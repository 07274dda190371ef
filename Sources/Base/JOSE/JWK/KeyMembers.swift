import Bytes
public import Crypto
public import Formats

/// The members of a JWK. Source: RFC 7517, section 4; RFC 7518, section 6.
struct KeyMembers {
    private let jwk: JSON

    init(_ jwk: JSON) throws(JOSEError) {
        guard jwk.kind == .object else { throw .unusableKey("it is not an object") }
        self.jwk = jwk
    }

    /// A text; nil for another type.
    subscript(name: String) -> ExactText? { jwk[name]?.asText.map { ExactText($0) } }

    /// A text; nil without this member.
    func optionalText(_ name: String) throws(JOSEError) -> ExactText? {
        guard let value = jwk[name] else { return nil }
        guard let text = value.asText else { throw .unusableKey("\(name) is not a text") }
        return ExactText(text)
    }

    func bytes(_ name: String) throws(JOSEError) -> [UInt8] {
        guard let text = jwk[name]?.asText, let bytes = Base64.decodeURL(text), !bytes.isEmpty else {
            throw .unusableKey("\(name) is not base64url without padding")
        }
        return bytes
    }

    /// Checks `use` and `key_ops`, if present.
    ///
    /// - Parameters:
    ///   - use: the required value: `sig` or `enc`.
    ///   - operations: of which `key_ops` must have one.
    func check(use: ExactText, operations: Set<ExactText>) throws(JOSEError) {
        if let stated = jwk["use"] {
            guard stated.asText.map({ ExactText($0) }) == use else { throw .unusableKey("its use is not \(use)") }
        }
        if let stated = jwk["key_ops"] {
            guard let names = stated.asArray?.compactMap(\.asText),
                !operations.isDisjoint(with: names.map { ExactText($0) })
            else { throw .unusableKey("its key_ops do not allow this use") }
        }
    }

    /// A public key on a curve.
    func point<Curve: PrimeCurve, Use: Sendable>() throws(JOSEError) -> ECPublicKey<Curve, Use> {
        let (x, y, curve) = (try bytes("x"), try bytes("y"), Curve.curve)
        guard x.count == curve.size, y.count == curve.size,
            let key = try? ECPublicKey<Curve, Use>(rawRepresentation: x + y)
        else { throw .unusableKey("x and y are no point of \(curve.name) (\(curve.size) bytes each)") }
        return key
    }

    func rsa<Use: Sendable>() throws(JOSEError) -> RSAPublicKey<Use> {
        let (n, e) = (try bytes("n"), try bytes("e"))
        do { return try RSAPublicKey(n: n, e: e) } catch { throw JOSEError(error) }
    }
}

extension ECPublicKey {
    /// The members of a JWK, sorted: `crv`, `kty`, `x`, `y`.
    var jwkMembers: [(name: String, value: String)] {
        let (point, size) = (rawRepresentation, Curve.curve.size)
        return [
            ("crv", Curve.curve.name), ("kty", "EC"), ("x", point.prefix(size).base64URL),
            ("y", point.suffix(size).base64URL),
        ]
    }

    /// The JWK thumbprint. Source: RFC 7638.
    public var jwkThumbprint: String { Thumbprint.text(of: jwkMembers) }
}

/// The JWK thumbprint: SHA-256 over a key's required members. Source: RFC 7638.
enum Thumbprint {
    /// - Parameter members: exactly the required members of the key's type. Their values need no escapes.
    static func text(of members: [(name: String, value: String)]) -> String {
        let sorted = members.sorted { $0.name.utf8.lexicographicallyPrecedes($1.name.utf8) }
        return SHA256.hash(data: plainObject(sorted).utf8).base64URL
    }
}

/// A JSON object of texts that need no escapes.
func plainObject(_ members: [(name: String, value: String)]) -> String {
    "{" + members.map { "\"\($0.name)\":\"\($0.value)\"" }.joined(separator: ",") + "}"
}

extension ECPublicKey<P256, ECDSA> {
    /// A JWK for ES256: `kty`, `crv`, `alg`, `use`, `kid` (the thumbprint), `x`, `y`.
    public var jwk: JSONValue {
        let point = rawRepresentation
        return [
            "kty": "EC", "crv": "P-256", "alg": "ES256", "use": "sig", "kid": .text(jwkThumbprint),
            "x": .text(point.prefix(32).base64URL), "y": .text(point.suffix(32).base64URL),
        ]
    }
}
