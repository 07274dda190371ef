import Bytes
@testable import Crypto
import Foundation
import TestSupport
import Testing

@Suite("Wycheproof: public keys", .enabled(if: Wycheproof.isPresent))
struct WycheproofPublicKeyTests {
    private func ecdsa<Curve: PrimeCurve, Function: HashFunction>(
        _ file: String, _ curve: Curve.Type, _ function: Function.Type, kind: String = "EcdsaVerify"
    ) throws {
        var keys: [String: ECPublicKey<Curve, ECDSA>] = [:]
        let row = try Wycheproof.run(file, kind: kind) { group, test in
            let der = try group.text("publicKeyDer")
            let key =
                try keys[der] ?? ECPublicKey<Curve, ECDSA>(derRepresentation: try group.bytes("publicKeyDer"))
            keys[der] = key
            #expect(key.x963Representation == (try group.object("publicKey").bytes("uncompressed")))
            let signature: ECDSASignature<Curve>
            do {
                let bytes = try test.bytes("sig")
                signature =
                    kind == "EcdsaVerify"
                    ? try ECDSASignature(derRepresentation: bytes) : try ECDSASignature(rawRepresentation: bytes)
            } catch {
                return .refused(
                    kind == "EcdsaVerify"
                        ? "signature is not DER of two numbers that fit the curve" : "signature has another length")
            }
            let digest = Function.hash(data: try test.bytes("msg"))
            return key.isValidForLibrary(signature, for: digest) ? .accepted : .rejected
        }
        #expect(row.failed.isEmpty)
    }

    @Test("ECDSA in DER is valid on each curve as every test says")
    func ecdsaDER() throws {
        try ecdsa("ecdsa_secp256r1_sha256", P256.self, SHA256.self)
        try ecdsa("ecdsa_secp384r1_sha384", P384.self, SHA384.self)
        try ecdsa("ecdsa_secp521r1_sha512", P521.self, SHA512.self)
    }

    @Test("ECDSA of raw numbers is valid on each curve as every test says")
    func ecdsaRaw() throws {
        try ecdsa("ecdsa_secp256r1_sha256_p1363", P256.self, SHA256.self, kind: "EcdsaP1363Verify")
        try ecdsa("ecdsa_secp384r1_sha384_p1363", P384.self, SHA384.self, kind: "EcdsaP1363Verify")
        try ecdsa("ecdsa_secp521r1_sha512_p1363", P521.self, SHA512.self, kind: "EcdsaP1363Verify")
    }

    private func ecdh<Curve: PrimeCurve>(_ file: String, _ curve: Curve.Type) throws {
        let row = try Wycheproof.run(file, kind: "EcdhTest") { _, test in
            let other: ECPublicKey<Curve, ECDH>
            do { other = try ECPublicKey(derRepresentation: try test.bytes("public")) } catch let error as CryptoError {
                return .refused(Self.rule(error))
            }
            let key = try ECPrivateKey<Curve, ECDH>(
                rawRepresentation: try test.bytes("private", size: Curve.curve.size))
            let shared = try key.sharedSecretFromKeyAgreement(with: other).withUnsafeBytes { Array($0) }
            return shared == (try test.bytes("shared")) ? .accepted : .rejected
        }
        #expect(row.failed.isEmpty)
    }

    private static func rule(_ error: CryptoError) -> String {
        let text = error.description
        for (mark, rule) in [
            ("explicit", "curve is described, not named"), ("the point is not on", "point is not on the curve"),
            ("a point of", "point is compressed or of another length"), ("is not P-256", "another curve"),
            ("key is not on", "another curve"), ("are not supported", "another algorithm"),
        ] where text.contains(mark) { return rule }
        return "key is not DER"
    }

    @Test("ECDH gives on each curve what every test says, with keys whose curve is named")
    func ecdh() throws {
        try ecdh("ecdh_secp256r1", P256.self)
        try ecdh("ecdh_secp384r1", P384.self)
        try ecdh("ecdh_secp521r1", P521.self)
    }

    private func rsa<Function: HashFunction>(
        _ file: String, _ function: Function.Type, _ padding: RSA.Signing.Padding, kind: String
    ) throws {
        let row = try Wycheproof.run(file, kind: kind) { group, test in
            let key = try RSA.Signing.PublicKey(derRepresentation: try group.bytes("publicKeyDer"))
            #expect(key.derRepresentation == (try group.bytes("publicKeyDer")))
            let signature = RSA.Signing.RSASignature(rawRepresentation: try test.bytes("sig"))
            guard signature.rawRepresentation.count == key.size else {
                #expect(!key.isValidSignature(signature, for: Function.hash(data: try test.bytes("msg"))))
                return .refused("signature has another length than the modulus")
            }
            let digest = Function.hash(data: try test.bytes("msg"))
            return key.isValidSignature(signature, for: digest, padding: padding) ? .accepted : .rejected
        }
        #expect(row.failed.isEmpty)
    }

    @Test("RSASSA-PSS is valid as every test says")
    func pss() throws {
        try rsa("rsa_pss_2048_sha256_mgf1_32", SHA256.self, .PSS, kind: "RsassaPssVerify")
        try rsa("rsa_pss_4096_sha384_mgf1_48", SHA384.self, .PSS, kind: "RsassaPssVerify")
    }

    @Test("RSASSA-PKCS1-v1_5 is valid as every test says")
    func pkcs1() throws {
        try rsa("rsa_signature_2048_sha256", SHA256.self, .insecurePKCS1v1_5, kind: "RsassaPkcs1Verify")
        try rsa("rsa_signature_4096_sha384", SHA384.self, .insecurePKCS1v1_5, kind: "RsassaPkcs1Verify")
    }

    @Test("RSAES-OAEP with SHA-256 opens as every test says, without labels")
    func oaep() throws {
        let rule = "a label is not taken"
        let file = "rsa_oaep_2048_sha256_mgf1sha256"
        let row = try Wycheproof.run(file, kind: "RsaesOaepDecrypt", refusable: [rule]) { group, test in
            guard try test.bytes("label").isEmpty else { return .refused(rule) }
            let numbers = try group.object("privateKey")
            let key = try RSA.Encryption.PrivateKey(
                numbers: [
                    "modulus", "publicExponent", "privateExponent", "prime1", "prime2", "exponent1", "exponent2",
                    "coefficient",
                ].map { try numbers.bytes($0, size: 1) })
            let ciphertext = try test.bytes("ct")
            guard ciphertext.count == key.publicKey.size else {
                return .refused("ciphertext has another length than the modulus")
            }
            let opened = try? key.decrypt(ciphertext, padding: .PKCS1_OAEP_SHA256)
            return opened == (try test.bytes("msg")) ? .accepted : .rejected
        }
        #expect(row.failed.isEmpty)
    }

    @Test("Every file is read here, or in JOSE's tests, or is of a primitive that is not used")
    func everyFile() throws {
        let read: Set = [
            "aes_gcm", "aes_wrap", "hkdf_sha256", "hmac_sha256", "ecdsa_secp256r1_sha256", "ecdsa_secp384r1_sha384",
            "ecdsa_secp521r1_sha512", "ecdsa_secp256r1_sha256_p1363", "ecdsa_secp384r1_sha384_p1363",
            "ecdsa_secp521r1_sha512_p1363", "ecdh_secp256r1", "ecdh_secp384r1", "ecdh_secp521r1",
            "rsa_pss_2048_sha256_mgf1_32", "rsa_pss_4096_sha384_mgf1_48", "rsa_signature_2048_sha256",
            "rsa_signature_4096_sha384", "rsa_oaep_2048_sha256_mgf1sha256",
        ]
        let jose: Set = ["json_web_crypto", "json_web_encryption", "json_web_key", "json_web_signature"]
        // AES-CBC, X25519 and OAEP with SHA-1: nothing in the program speaks them, so Crypto has none.
        let unused: Set = ["aes_cbc_pkcs5", "x25519", "rsa_oaep_2048_sha1_mgf1sha1"]
        #expect(try Wycheproof.files() == read.union(jose).union(unused))
    }
}
