public import Bytes
public import Crypto
public import Formats

/// A public key for verifying signatures of one algorithm.
public struct VerificationKey: Sendable {
    public let algorithm: SignatureAlgorithm
    /// `kid`.
    public let id: ExactText?
    private let kind: Kind

    private enum Kind: Sendable {
        case rsa(RSA.Signing.PublicKey)
        case p256(P256.Signing.PublicKey)
        case p384(P384.Signing.PublicKey)
        case p521(P521.Signing.PublicKey)
        case ed25519(Curve25519.Signing.PublicKey)
    }

    /// - Parameter jwk: RSA, EC or OKP. Without `alg`, the key's type determines the algorithm, independent of tokens: RS256,
    ///   ES256, ES384, ES512, EdDSA.
    /// - Throws: ``JOSEError/unusableKey(_:)``.
    public init(jwk: JSON) throws(JOSEError) {
        let members = try KeyMembers(jwk)
        try members.check(use: "sig", operations: ["verify"])
        let name = try members.optionalText("alg")
        let stated = name.flatMap { SignatureAlgorithm(exactly: $0) }
        guard name == nil || stated != nil else { throw .unusableKey("its alg is no algorithm for signatures") }
        id = try members.optionalText("kid")
        switch (members["kty"], members["crv"], stated) {
        case ("RSA", _, nil), ("RSA", _, .rs256), ("RSA", _, .rs384), ("RSA", _, .rs512), ("RSA", _, .ps256),
            ("RSA", _, .ps384), ("RSA", _, .ps512):
            kind = .rsa(try members.rsa())
            algorithm = stated ?? .rs256
        case ("EC", "P-256", nil), ("EC", "P-256", .es256): (kind, algorithm) = (.p256(try members.point()), .es256)
        case ("EC", "P-384", nil), ("EC", "P-384", .es384): (kind, algorithm) = (.p384(try members.point()), .es384)
        case ("EC", "P-521", nil), ("EC", "P-521", .es512): (kind, algorithm) = (.p521(try members.point()), .es512)
        case ("OKP", "Ed25519", nil), ("OKP", "Ed25519", .edDSA):
            let bytes = try members.bytes("x")
            do { kind = .ed25519(try Curve25519.Signing.PublicKey(rawRepresentation: bytes)) } catch {
                throw JOSEError(error)
            }
            algorithm = .edDSA
        default: throw .unusableKey("kty, crv and alg do not go together, or are not supported")
        }
    }

    /// A key for ES256.
    public init(_ key: P256.Signing.PublicKey, id: ExactText?) {
        (kind, algorithm, self.id) = (.p256(key), .es256, id)
    }

    /// A key for EdDSA.
    public init(_ key: Curve25519.Signing.PublicKey, id: ExactText?) {
        (kind, algorithm, self.id) = (.ed25519(key), .edDSA, id)
    }

    /// Whether the key pair's private key made the signature, with this key's algorithm.
    func isValid(_ signature: [UInt8], over message: some Collection<UInt8>) -> Bool {
        switch kind {
        case .rsa(let key): Self.isValid(signature, over: message, key, algorithm)
        case .p256(let key): Self.isValid(signature, key, SHA256.hash(data: message))
        case .p384(let key): Self.isValid(signature, key, SHA384.hash(data: message))
        case .p521(let key): Self.isValid(signature, key, SHA512.hash(data: message))
        case .ed25519(let key): key.isValidSignature(signature, for: message)
        }
    }

    private static func isValid<Curve: PrimeCurve>(
        _ signature: [UInt8], _ key: ECPublicKey<Curve, ECDSA>, _ digest: some Digest
    ) -> Bool {
        guard let signature = try? ECDSASignature<Curve>(rawRepresentation: signature) else { return false }
        return key.isValidSignature(signature, for: digest)
    }

    private static func isValid(
        _ signature: [UInt8], over message: some Collection<UInt8>, _ key: RSA.Signing.PublicKey,
        _ algorithm: SignatureAlgorithm
    ) -> Bool {
        let signature = RSA.Signing.RSASignature(rawRepresentation: signature)
        func isValid(_ padding: RSA.Signing.Padding, _ function: (some HashFunction).Type) -> Bool {
            key.isValidSignature(signature, for: function.hash(data: message), padding: padding)
        }
        return switch algorithm {
        case .rs256: isValid(.insecurePKCS1v1_5, SHA256.self)
        case .rs384: isValid(.insecurePKCS1v1_5, SHA384.self)
        case .rs512: isValid(.insecurePKCS1v1_5, SHA512.self)
        case .ps256: isValid(.PSS, SHA256.self)
        case .ps384: isValid(.PSS, SHA384.self)
        case .ps512: isValid(.PSS, SHA512.self)
        case .es256, .es384, .es512, .edDSA: false
        }
    }
}
