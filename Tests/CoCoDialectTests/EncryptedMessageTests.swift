import Broker
@testable import CoCoDialect
import Crypto
import Evidence
import Foundation
import TestSupport
import Testing

@Suite("What a guest is given, as a JWE")
struct EncryptedMessageTests {
    @Test("Where it must be, JOSE by others is there to hold ours against", .enabled(if: Independent.isRequired))
    func independent() { #expect(Independent.isThere, "run scripts/make-jose-environment") }

    private static let plaintext = "a disk's passphrase"

    private static func message(to key: [String: String], _ plaintext: String = plaintext) throws -> [String: String] {
        var rules = RecipientKey.Rules()
        rules.allowsRSA1_5 = true
        let json = String(decoding: try JSONEncoder().encode(key), as: UTF8.self)
        let message = try EncryptedMessage(
            Secret(Array(plaintext.utf8)), to: try RecipientKey(json: json, rules: rules))
        return try JSONDecoder().decode([String: String].self, from: Data(message.json.utf8))
    }

    private static func header(_ message: [String: String]) throws -> String {
        String(decoding: try #require(Data(base64URL: message["protected"] ?? "")), as: UTF8.self)
    }

    @Test(
        "joserfc opens what is encrypted to a key of each kind", .enabled(if: Independent.isThere),
        arguments: [
            ("EC", "P-256", "ECDH-ES+A256KW"), ("EC", "P-521", "ECDH-ES+A256KW"), ("RSA", "2048", "RSA-OAEP-256"),
            ("RSA", "3072", "RSA-OAEP-256"), ("RSA", "2048", "RSA1_5"),
        ])
    func joserfc(kind: String, parameter: String, algorithm: String) async throws {
        let pair = try await Independent.run("generate", ["kty": kind, "parameter": parameter])
        var key = try #require(pair["public"] as? [String: String])
        key["alg"] = algorithm
        let message = try Self.message(to: key)
        let answer = try await Independent.run(
            "joserfc_decrypt",
            ["message": message, "key": try #require(pair["private"] as? [String: String])])
        #expect(answer["plaintext"] as? String == Hex.encode(Array(Self.plaintext.utf8)))
    }

    @Test("OpenSSL's ML-KEM and pycryptodome's KMAC open ML-KEM-768+A192KW", .enabled(if: Independent.isThere))
    func mlkem() async throws {
        let pair = try await Independent.run("mlkem_generate")
        let message = try Self.message(to: [
            "kty": "AKP", "alg": "ML-KEM-768+A192KW", "pub": try #require(pair["pub"] as? String),
        ])
        let answer = try await Independent.run(
            "mlkem_decrypt", ["message": message, "seed": try #require(pair["seed"] as? String)])
        #expect(answer["plaintext"] as? String == Hex.encode(Array(Self.plaintext.utf8)))
    }

    @Test("The header's members stand as the guest's library writes them again: alg, enc, then the rest sorted")
    func headerOrder() throws {
        let key = P256.KeyAgreement.PrivateKey().publicKey.rawRepresentation
        let header = try Self.header(
            try Self.message(to: [
                "kty": "EC", "crv": "P-256", "alg": "ECDH-ES+A256KW", "x": key.prefix(32).base64URL,
                "y": key.suffix(32).base64URL,
            ]))
        let pattern =
            #/\{"alg":"ECDH-ES\+A256KW","enc":"A256GCM","epk":\{"crv":"P-256","kty":"EC","x":"[\w-]{43}","y":"[\w-]{43}"\}\}/#
        #expect(header.wholeMatch(of: pattern) != nil)
    }

    @Test("An ML-KEM header has the ciphertext after alg and enc")
    func mlkemHeader() throws {
        let key = try MLKEM768.PrivateKey.generate().publicKey.rawRepresentation
        let header = try Self.header(
            try Self.message(to: ["kty": "AKP", "alg": "ML-KEM-768+A192KW", "pub": key.base64URL]))
        #expect(header.hasPrefix(#"{"alg":"ML-KEM-768+A192KW","enc":"A256GCM","ek":""#))
        #expect(header.count == #"{"alg":"ML-KEM-768+A192KW","enc":"A256GCM","ek":""}"#.count + (1_088 * 4 + 2) / 3)
    }

    @Test("The same secret is never encrypted the same way twice")
    func fresh() throws {
        let key = P521.KeyAgreement.PrivateKey().publicKey.rawRepresentation
        let jwk = [
            "kty": "EC", "crv": "P-521", "alg": "ECDH-ES+A256KW", "x": key.prefix(66).base64URL,
            "y": key.suffix(66).base64URL,
        ]
        let (first, second) = (try Self.message(to: jwk), try Self.message(to: jwk))
        for member in ["protected", "encrypted_key", "iv", "ciphertext"] { #expect(first[member] != second[member]) }
        #expect(Data(base64URL: first["iv"] ?? "")?.count == 12)
        #expect(Data(base64URL: first["tag"] ?? "")?.count == 16)
    }
}

@Suite("How keys are derived")
struct KeyDerivationTests {
    @Test("The concatenation KDF gives the key of RFC 7518, appendix C")
    func concatenation() throws {
        let alice = try P256.KeyAgreement.PrivateKey(
            rawRepresentation: #require(Data(base64URL: "0_NxaRPUMQoAJt50Gz8YiTr8gRTwyEaCumd-MToTmIo")))
        let bob =
            try #require(Data(base64URL: "weNJy2HscCSM6AEDTDg04biOvhFhyyWvOHQfeF_PxMQ"))
            + #require(Data(base64URL: "e8lnCO-AlStT-NJVX-crhB7QRYhiix03illJOVAOyck"))
        let shared = try alice.sharedSecretFromKeyAgreement(
            with: P256.KeyAgreement.PublicKey(rawRepresentation: bob))
        let key = ConcatenationKDF.derive(
            shared, algorithm: "A128GCM", partyU: Array("Alice".utf8), partyV: Array("Bob".utf8), byteCount: 16)
        #expect(key.withUnsafeBytes { Data($0) }.base64URL == "VqqN6vgjbSBcIijNcacQGg")
    }

    /// Source: NIST, "KMAC_samples", samples 4, 5 and 6.
    @Test(
        "KMAC256 gives NIST's sample codes",
        arguments: [
            (
                4, "My Tagged Application",
                "20c570c31346f703c9ac36c61c03cb64c3970d0cfc787e9b79599d273a68d2f7"
                    + "f69d4cc3de9d104a351689f27cf6f5951f0103f33f4f24871024d9c27773a8dd"
            ),
            (
                200, "",
                "75358cf39e41494e949707927cee0af20a3ff553904c86b08f21cc414bcfd691"
                    + "589d27cf5e15369cbbff8b9a4c2eb17800855d0235ff635da82533ec6b759b69"
            ),
            (
                200, "My Tagged Application",
                "b58618f71f92e1d56c1b8c55ddd7cd188b97b4ca4d99831eb2699a837da2e4d9"
                    + "70fbacfde50033aea585f1a2708510c32d07880801bd182898fe476876fc8965"
            ),
        ])
    func kmac(length: Int, customization: String, expected: String) throws {
        let code = try KMAC256.code(
            key: SymmetricKey(data: (0x40...0x5F).map { UInt8($0) }), message: (0..<length).map { UInt8($0) },
            byteCount: 64, customization: Array(customization.utf8))
        #expect(code.withUnsafeBytes { Hex.encode(Array($0)) } == expected)
    }

    @Test("KMAC256 agrees with pycryptodome at the length that ML-KEM needs", .enabled(if: Independent.isThere))
    func otherKMAC() async throws {
        let (key, message) = (Array(repeating: UInt8(7), count: 32), Array("message".utf8))
        let answer = try await Independent.run(
            "mac", ["key": Hex.encode(key), "data": Hex.encode(message), "size": 24, "customization": ""])
        let code = try KMAC256.code(key: SymmetricKey(data: key), message: message, byteCount: 24)
        #expect(answer["mac"] as? String == code.withUnsafeBytes { Hex.encode(Array($0)) })
    }
}
