import Bytes
import Crypto
import Formats
import Foundation
@testable import JOSE
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
        String(decoding: try #require([UInt8](base64URL: message["protected"] ?? "")), as: UTF8.self)
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

    @Test(
        "What joserfc encrypts opens here, and under no other key", .enabled(if: Independent.isThere),
        arguments: [
            ("EC", "P-256", "ECDH-ES+A256KW"), ("EC", "P-521", "ECDH-ES+A256KW"), ("RSA", "2048", "RSA-OAEP-256"),
            ("RSA", "2048", "RSA1_5"),
        ])
    func opened(kind: String, parameter: String, algorithm: String) async throws {
        func key() async throws -> ([String: String], DecryptionKey) {
            let pair = try await Independent.run("generate", ["kty": kind, "parameter": parameter])
            var (publicKey, privateKey) = (
                try #require(pair["public"] as? [String: String]), try #require(pair["private"] as? [String: String])
            )
            (publicKey["alg"], privateKey["alg"]) = (algorithm, algorithm)
            return (publicKey, try DecryptionKey(jwk: JSON(Array(JSONEncoder().encode(privateKey)))))
        }
        let (publicKey, privateKey) = try await key()
        let answer = try await Independent.run(
            "joserfc_encrypt", ["key": publicKey, "alg": algorithm, "plaintext": Self.plaintext])
        let message = try EncryptedMessage(compact: try #require(answer["message"] as? String))
        #expect(try message.open(with: privateKey).withBytes { Array($0) } == Array(Self.plaintext.utf8))
        let (_, other) = try await key()
        #expect(throws: NotOpened.self) { try message.open(with: other) }
    }

    @Test(
        "OpenSSL's ML-KEM and pycryptodome's KMAC open ML-KEM-768+A192KW",
        .enabled(if: Independent.isThere && MLKEM768.isAvailable))
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

    @Test("An ML-KEM header has the ciphertext after alg and enc", .enabled(if: MLKEM768.isAvailable))
    func mlkemHeader() throws {
        let key = try MLKEM768.PrivateKey().publicKey.rawRepresentation
        let header = try Self.header(
            try Self.message(to: ["kty": "AKP", "alg": "ML-KEM-768+A192KW", "pub": key.base64URL]))
        #expect(header.hasPrefix(#"{"alg":"ML-KEM-768+A192KW","enc":"A256GCM","ek":""#))
        #expect(header.count == #"{"alg":"ML-KEM-768+A192KW","enc":"A256GCM","ek":""}"#.count + (1_088 * 4 + 2) / 3)
    }

    @Test("What a message is about stands last in its header, in the client's order, and the tag covers it; A17")
    func resource() throws {
        let made = P256.KeyAgreement.PrivateKey()
        let (point, number) = (made.publicKey.rawRepresentation, made.rawRepresentation)
        let members =
            #""kty":"EC","crv":"P-256","alg":"ECDH-ES+A256KW","x":"\#(point.prefix(32).base64URL)","#
            + #""y":"\#(point.suffix(32).base64URL)""#
        let key = try DecryptionKey(jwk: JSON(Array("{\(members),\"d\":\"\(number.base64URL)\"}".utf8)))
        let recipient = try RecipientKey(json: "{\(members)}", rules: RecipientKey.Rules())
        let message = try EncryptedMessage(Secret("secret".utf8), to: recipient, resource: "a/\"b\"/c")
        let header = String(decoding: try #require(Base64.decodeURL(message.protected)), as: UTF8.self)
        #expect(header.hasSuffix(#""},"resource":"a/\"b\"/c"}"#) && header.contains(#","epk":{"crv""#), "\(header)")
        #expect(try message.open(with: key).withBytes { Array($0) } == Array("secret".utf8))
        // Only the path is another one: the key in the header, which is random, stays as it is.
        let another = header.replacing(#"\"b\""#, with: #"\"d\""#)
        #expect(another != header)
        let forged = message.json.replacing(message.protected, with: another.utf8.base64URL)
        #expect(throws: NotOpened.self) { try EncryptedMessage(json: forged).open(with: key) }
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
        #expect([UInt8](base64URL: first["iv"] ?? "")?.count == 12)
        #expect([UInt8](base64URL: first["tag"] ?? "")?.count == 16)
    }
}

@Suite("Messages that are not opened")
struct RefusedMessageTests {
    private let key: DecryptionKey
    private let message: EncryptedMessage
    private let json: String

    init() throws {
        let made = P256.KeyAgreement.PrivateKey()
        let (point, number) = (made.publicKey.rawRepresentation, made.rawRepresentation)
        let members =
            #""kty":"EC","crv":"P-256","alg":"ECDH-ES+A256KW","x":"\#(point.prefix(32).base64URL)","#
            + #""y":"\#(point.suffix(32).base64URL)""#
        key = try DecryptionKey(jwk: JSON(Array("{\(members),\"d\":\"\(number.base64URL)\"}".utf8)))
        message = try EncryptedMessage(
            Secret("secret".utf8), to: RecipientKey(json: "{\(members)}", rules: RecipientKey.Rules()))
        json = message.json
    }

    @Test("What was not changed opens, from both forms; its tag is over the header as it came")
    func good() throws {
        #expect(try message.open(with: key).withBytes { Array($0) } == Array("secret".utf8))
        #expect(try EncryptedMessage(json: json) == message)
        let compact =
            [message.protected]
            + [message.encryptedKey, message.initializationVector, message.ciphertext, message.tag].map(\.base64URL)
        #expect(try EncryptedMessage(compact: compact.joined(separator: ".")) == message)
    }

    @Test("A change of any part is seen, and which part it was is not told")
    func changed() throws {
        for name in ["encrypted_key", "iv", "ciphertext", "tag"] {
            var members = try JSONDecoder().decode([String: String].self, from: Data(json.utf8))
            var bytes = try #require(Base64.decodeURL(members[name] ?? ""))
            bytes[0] ^= 1
            members[name] = bytes.base64URL
            let other = try EncryptedMessage(json: String(decoding: JSONEncoder().encode(members), as: UTF8.self))
            #expect(throws: NotOpened.self) { try other.open(with: key) }
            members[name] = bytes.dropLast().base64URL
            let shorter = try EncryptedMessage(json: String(decoding: JSONEncoder().encode(members), as: UTF8.self))
            #expect(throws: NotOpened.self) { try shorter.open(with: key) }
        }
    }

    private func open(header change: (String) -> String) throws -> Secret {
        let header = String(decoding: try #require(Base64.decodeURL(message.protected)), as: UTF8.self)
        let other = json.replacing(message.protected, with: change(header).utf8.base64URL)
        return try EncryptedMessage(json: other).open(with: key)
    }

    @Test("A header chooses no algorithm, and has no extensions")
    func header() {
        #expect(throws: NotOpened.self, "the same members in another form") {
            try open { $0.replacing("{\"alg\"", with: "{ \"alg\"") }
        }
        for algorithm in ["dir", "ECDH-ES", "RSA-OAEP-256", "none", "A256KW"] {
            #expect(throws: JOSEError.otherAlgorithm) {
                try open { $0.replacing("ECDH-ES+A256KW", with: algorithm) }
            }
        }
        for encryption in ["A256CBC-HS512", "none", "A256gcm"] {
            #expect(throws: JOSEError.otherAlgorithm) { try open { $0.replacing("A256GCM", with: encryption) } }
        }
        for members in [#""zip":"DEF","#, #""crit":["exp"],"#, #""alg":"ECDH-ES+A256KW","#] {
            #expect(throws: JOSEError.self, "\(members)") {
                try open { $0.replacing("{\"alg\"", with: "{\(members)\"alg\"") }
            }
        }
        for change in [("\"crv\":\"P-256\"", "\"crv\":\"P-521\""), ("\"kty\":\"EC\"", "\"kty\":\"OKP\"")] {
            #expect(throws: JOSEError.self) { try open { $0.replacing(change.0, with: change.1) } }
        }
        #expect(throws: JOSEError.self) { try open { _ in "" } }
    }

    @Test("A message in another form is refused: further members could say more than the protected header")
    func forms() {
        for text in [
            "", "[]", "{}", json.replacing("{", with: #"{"header":{},"#), json.replacing("{", with: #"{"aad":"","#),
            json.replacing("\"tag\"", with: "\"Tag\""), json.replacing("\"iv\":\"", with: "\"iv\":\"="),
            json.replacing("\"tag\":", with: "\"tag\":5,\"x\":"),
        ] {
            #expect(throws: JOSEError.self, "\(text.prefix(20))") { try EncryptedMessage(json: text) }
        }
        for text in ["", "a.b.c.d", "a.b.c.d.e.f", "e30.=.AAAA.AAAA.AAAA", "...."] {
            #expect(throws: JOSEError.self, "\(text)") { try EncryptedMessage(compact: text).open(with: key) }
        }
    }
}

@Suite("How keys are derived")
struct KeyDerivationTests {
    @Test("The concatenation KDF gives the key of RFC 7518, appendix C")
    func concatenation() throws {
        let alice = try P256.KeyAgreement.PrivateKey(
            rawRepresentation: #require([UInt8](base64URL: "0_NxaRPUMQoAJt50Gz8YiTr8gRTwyEaCumd-MToTmIo")))
        let bob =
            try #require([UInt8](base64URL: "weNJy2HscCSM6AEDTDg04biOvhFhyyWvOHQfeF_PxMQ"))
            + #require([UInt8](base64URL: "e8lnCO-AlStT-NJVX-crhB7QRYhiix03illJOVAOyck"))
        let shared = try alice.sharedSecretFromKeyAgreement(
            with: P256.KeyAgreement.PublicKey(rawRepresentation: bob))
        let key = ConcatenationKDF.derive(
            shared, algorithm: "A128GCM", partyU: Array("Alice".utf8), partyV: Array("Bob".utf8), byteCount: 16)
        #expect(key.withUnsafeBytes { Array($0).base64URL } == "VqqN6vgjbSBcIijNcacQGg")
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
