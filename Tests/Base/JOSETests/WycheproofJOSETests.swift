import Bytes
import Crypto
import Formats
import Foundation
import JOSE
import TestSupport
import Testing

@Suite("Wycheproof: JSON Web Key, Signature and Encryption", .enabled(if: Wycheproof.isPresent))
struct WycheproofJOSETests {
    private static let symmetric = "symmetric key"
    private static let otherAlgorithm = "header's alg is not the key's"
    private static let unknownAlgorithm = "key's alg is no standard's, or is not used"
    private static let otherEncryption = "enc is not AES-GCM"

    /// The members of a group's key, or of the keys of its set.
    private func keys(_ group: Wycheproof.Values, _ name: String) throws -> [[String: Any]] {
        let key = try #require((group[name] ?? group["private"]) as? [String: Any])
        return key["keys"] as? [[String: Any]] ?? [key]
    }

    private func json(_ members: [String: Any]) throws -> JSON {
        try JSON(Array(JSONSerialization.data(withJSONObject: members)))
    }

    private func verify(_ group: Wycheproof.Values, _ token: String) throws -> Wycheproof.Outcome {
        let members = try keys(group, "public")
        let set = try VerificationKeySet(
            json: Array(JSONSerialization.data(withJSONObject: ["keys": members])))
        if members.allSatisfy({ $0["kty"] as? String == "oct" }) {
            #expect(set.keys.isEmpty)
            return .refused(Self.symmetric)
        }
        guard let jws = try? CompactJWS(token) else { return .refused("form") }
        guard let key = set.keys.first else {
            do { _ = try VerificationKey(jwk: try json(members[0])) } catch {
                let text = "\(error)"
                for (mark, rule) in [
                    ("no algorithm for signatures", Self.unknownAlgorithm),
                    ("do not go together", "key's kty, crv and alg do not go together"),
                    ("its use is", "key is for another use"), ("its key_ops", "key is for another use"),
                    ("ROCA", "RSA key of a bad generator (ROCA)"), ("bits here", "RSA key of another size"),
                    ("exponent", "RSA exponent is 1"), ("no point", "x and y are no point of the curve"),
                    ("base64url", "key lacks a number"),
                ] where text.contains(mark) { return .refused(rule) }
                throw Wycheproof.Unread(text)
            }
            return .refused("key")
        }
        do {
            _ = try jws.payload(signedBy: key)
            return .accepted
        } catch {
            return error == .otherAlgorithm ? .refused(Self.otherAlgorithm) : .rejected
        }
    }

    @Test("JWK: keys that must not be used are not used")
    func keys() throws {
        let row = try Wycheproof.run("json_web_key", kind: "JsonWebKey", refusable: [Self.symmetric]) { group, test in
            try verify(group, try test.text("jws"))
        }
        #expect(row.failed.isEmpty)
    }

    @Test("JWS: signatures are valid as every test says, with public keys, by the key's own algorithm")
    func signatures() throws {
        let refusable: Set = [Self.symmetric, Self.otherAlgorithm, Self.unknownAlgorithm]
        let row = try Wycheproof.run("json_web_signature", kind: "JsonWebSignature", refusable: refusable) {
            try verify($0, try $1.text("jws"))
        }
        #expect(row.failed.isEmpty)
    }

    private func open(_ group: Wycheproof.Values, _ test: Wycheproof.Values) throws -> Wycheproof.Outcome {
        let members = try #require(try keys(group, "private").first)
        let key: DecryptionKey
        do { key = try DecryptionKey(jwk: try json(members)) } catch {
            return .refused(members["kty"] as? String == "oct" ? Self.symmetric : Self.unknownAlgorithm)
        }
        let message: EncryptedMessage
        do {
            if let text = test["jwe"] as? String {
                message = try EncryptedMessage(compact: text)
            } else {
                let object = try #require(test["jwe"] as? [String: Any])
                let data = try JSONSerialization.data(withJSONObject: object)
                message = try EncryptedMessage(json: String(decoding: data, as: UTF8.self))
            }
        } catch { return .refused("form") }
        do {
            let plain = try message.open(with: key).withBytes { Array($0) }
            return plain == (try test.bytes("pt")) ? .accepted : .rejected
        } catch JOSEError.otherAlgorithm {
            let header = try JSON(try #require(Base64.decodeURL(message.protected)))
            let isOtherEncryption = header["alg"]?.asText == key.algorithm.text
            return .refused(isOtherEncryption ? Self.otherEncryption : Self.otherAlgorithm)
        } catch JOSEError.malformed { return .refused("form") } catch { return .rejected }
    }

    @Test("JWE: messages open as every test says, with the algorithms that guests have")
    func messages() throws {
        let refusable: Set = [Self.symmetric, Self.unknownAlgorithm, Self.otherEncryption]
        let row = try Wycheproof.run("json_web_encryption", kind: "JsonWebEncryption", refusable: refusable, open)
        #expect(row.failed.isEmpty)
    }

    @Test("Both together have the verdicts that every test says")
    func both() throws {
        let refusable: Set = [Self.symmetric, Self.unknownAlgorithm, Self.otherEncryption]
        let row = try Wycheproof.run("json_web_crypto", kind: "JsonWebCrypto", refusable: refusable) { group, test in
            if let token = test["jws"] as? String { return try verify(group, token) }
            return try open(group, test)
        }
        #expect(row.failed.isEmpty)
    }
}
