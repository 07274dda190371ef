import Bytes
import Crypto
import Foundation
import JOSE
import Testing

@Suite("Which of a guest's keys are taken")
struct RecipientKeyTests {
    private static func ellipticCurve() -> [String: String] {
        let point = P256.KeyAgreement.PrivateKey().publicKey.rawRepresentation
        return [
            "kty": "EC", "crv": "P-256", "alg": "ECDH-ES+A256KW", "x": point.prefix(32).base64URL,
            "y": point.suffix(32).base64URL,
        ]
    }

    private static func rsa(bits: Int, _ algorithm: String) throws -> [String: String] {
        let key = try RSA.Encryption.PrivateKey(keySize: .init(bitCount: bits)).publicKey
        return [
            "kty": "RSA", "alg": algorithm, "n": key.modulus.base64URL, "e": key.publicExponent.base64URL,
        ]
    }

    private static func key(_ members: [String: String], allowsRSA1_5: Bool = false) throws -> RecipientKey {
        var rules = RecipientKey.Rules()
        rules.allowsRSA1_5 = allowsRSA1_5
        return try RecipientKey(
            json: String(decoding: try JSONEncoder().encode(members), as: UTF8.self), rules: rules)
    }

    @Test("A point that is not on the curve is refused")
    func offCurve() {
        var key = Self.ellipticCurve()
        key["y"] = Data(repeating: 1, count: 32).base64URL
        #expect(throws: JOSEError.self) { try Self.key(key) }
    }

    @Test("Coordinates of another length are refused")
    func shortCoordinate() {
        var key = Self.ellipticCurve()
        key["x"] = Data(repeating: 1, count: 31).base64URL
        #expect(throws: JOSEError.self) { try Self.key(key) }
    }

    @Test("A key that says another algorithm, or none, is refused", arguments: ["ECDH-ES", "A256KW", nil])
    func otherAlgorithm(_ algorithm: String?) {
        var key = Self.ellipticCurve()
        key["alg"] = algorithm
        #expect(throws: JOSEError.self) { try Self.key(key) }
    }

    @Test("A private key is refused")
    func privateKey() {
        var key = Self.ellipticCurve()
        key["d"] = Data(repeating: 1, count: 32).base64URL
        #expect(throws: JOSEError.self) { try Self.key(key) }
    }

    @Test("RSA1_5 is refused unless it is allowed")
    func rsa1_5() throws {
        let key = try Self.rsa(bits: 2_048, "RSA1_5")
        #expect(throws: JOSEError.self) { try Self.key(key) }
        _ = try Self.key(key, allowsRSA1_5: true)
    }

    @Test("An RSA key of another size than 2,048, 3,072 or 4,096 bits is refused")
    func rsaSize() throws {
        let key = try Self.rsa(bits: 2_560, "RSA-OAEP-256")
        #expect(throws: JOSEError.self) { try Self.key(key) }
    }

    @Test("An RSA exponent that is even, or long, is refused")
    func rsaExponent() throws {
        for exponent in [Data([4]), Data(repeating: 0xFF, count: 5)] {
            var key = try Self.rsa(bits: 2_048, "RSA-OAEP-256")
            key["e"] = exponent.base64URL
            #expect(throws: JOSEError.self) { try Self.key(key) }
        }
    }

    @Test("An ML-KEM key is refused with the reason where libcrypto has none", .disabled(if: MLKEM768.isAvailable))
    func mlkemAbsent() {
        let key = ["kty": "AKP", "alg": "ML-KEM-768+A192KW", "pub": Array(repeating: UInt8(0), count: 1_184).base64URL]
        let error = #expect(throws: JOSEError.self) { try Self.key(key) }
        #expect(error?.description.contains("OpenSSL 3.5") == true)
    }

    @Test("An ML-KEM key of another length is refused", .enabled(if: MLKEM768.isAvailable))
    func mlkemLength() throws {
        let key = try MLKEM768.PrivateKey().publicKey.rawRepresentation
        #expect(throws: JOSEError.self) {
            try Self.key(["kty": "AKP", "alg": "ML-KEM-768+A192KW", "pub": key.dropLast().base64URL])
        }
    }

    @Test("A key with a member twice is refused")
    func duplicateMember() {
        #expect(throws: JOSEError.self) {
            try RecipientKey(json: #"{"kty":"EC","kty":"RSA"}"#, rules: RecipientKey.Rules())
        }
    }

    @Test("A member that no key needs, or that is too long, is refused: all of it would be kept")
    func members() throws {
        var key = Self.ellipticCurve()
        key["kid"] = "guest"
        _ = try Self.key(key)
        for (name, value) in [("note", "x"), ("kid", String(repeating: "x", count: 129))] {
            var other = key
            other[name] = value
            #expect(throws: JOSEError.self) { try Self.key(other) }
        }
    }

    @Test("The key is remembered in canonical form")
    func canonical() throws {
        let key = Self.ellipticCurve()
        let (x, y) = (key["x"] ?? "", key["y"] ?? "")
        let read = try RecipientKey(
            json: #"{ "y":"\#(y)", "kty":"EC", "x":"\#(x)","crv":"P-256", "alg":"ECDH-ES+A256KW" }"#,
            rules: RecipientKey.Rules())
        #expect(read.json == #"{"alg":"ECDH-ES+A256KW","crv":"P-256","kty":"EC","x":"\#(x)","y":"\#(y)"}"#)
    }
}
