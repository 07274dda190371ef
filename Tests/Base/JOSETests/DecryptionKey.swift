import Bytes
import Crypto
import Formats

@testable import JOSE

/// A private key that messages are opened with, and the one algorithm that it is for.
struct DecryptionKey: Sendable {
    enum Kind: Sendable {
        case p256(P256.KeyAgreement.PrivateKey)
        case p521(P521.KeyAgreement.PrivateKey)
        case rsa(RSA.Encryption.PrivateKey, RSA.Encryption.Padding)
        case mlkem768(MLKEM768.PrivateKey)
    }

    let kind: Kind
    /// `alg`.
    let algorithm: ExactText

    /// - Parameter jwk: with its private part and `alg`: EC with ECDH-ES+A256KW, RSA with RSA-OAEP-256 or RSA1_5, AKP with
    ///   ML-KEM-768+A192KW.
    /// - Throws: ``JOSEError/unusableKey(_:)``.
    init(jwk: JSON) throws(JOSEError) {
        let members = try KeyMembers(jwk)
        try members.check(use: "enc", operations: ["decrypt", "unwrapKey", "deriveKey", "deriveBits"])
        algorithm = members["alg"] ?? ""
        switch (members["kty"], algorithm) {
        case ("EC", "ECDH-ES+A256KW"):
            switch members["crv"] {
            case "P-256": kind = .p256(try members.privatePoint())
            case "P-521": kind = .p521(try members.privatePoint())
            default: throw .unusableKey("crv must be P-256 or P-521")
            }
        case ("RSA", "RSA-OAEP-256"): kind = .rsa(try members.privateRSA(), .PKCS1_OAEP_SHA256)
        case ("RSA", "RSA1_5"): kind = .rsa(try members.privateRSA(), .insecurePKCS1v1_5)
        case ("AKP", "ML-KEM-768+A192KW"):
            let seed = try members.bytes("priv")
            do { kind = .mlkem768(try MLKEM768.PrivateKey(seedRepresentation: seed)) } catch { throw JOSEError(error) }
        default: throw .unusableKey("kty and alg do not go together, or are not known here")
        }
    }
}

extension KeyMembers {
    fileprivate func privatePoint<Curve: PrimeCurve>() throws(JOSEError) -> ECPrivateKey<Curve, ECDH> {
        let (number, point): ([UInt8], ECPublicKey<Curve, ECDH>) = (try bytes("d"), try point())
        guard let key = try? ECPrivateKey<Curve, ECDH>(rawRepresentation: number),
            key.publicKey.x963Representation == point.x963Representation
        else { throw .unusableKey("d is not the private half of x and y") }
        return key
    }

    fileprivate func privateRSA() throws(JOSEError) -> RSA.Encryption.PrivateKey {
        var numbers: [[UInt8]] = []
        for name in ["n", "e", "d", "p", "q", "dp", "dq", "qi"] { numbers.append(try bytes(name)) }
        do { return try RSA.Encryption.PrivateKey(numbers: numbers) } catch { throw JOSEError(error) }
    }
}
