import Bytes
import Crypto
import Formats
import Foundation
@testable import JOSE
import Testing

/// Keys and tokens of the standards, and a key that signs here.
enum Examples {
    /// RFC 7515, appendix A.2.
    static let rs256Key = #"""
        {"kty":"RSA","n":"ofgWCuLjybRlzo0tZWJjNiuSfb4p4fAkd_wWJcyQoTbji9k0l8W26mPddxHmfHQp-Vaw-4qPCJrcS2mJPMEzP1Pt0Bm4d4QlL-yRT-SFd2lZS-pCgNMsD1W_YpRPEwOWvG6b32690r2jZ47soMZo9wGzjb_7OMg0LOL-bSf63kpaSHSXndS5z5rexMdbBYUsLA9e-KXBdQOS-UTo7WTBEMa2R2CapHg665xsmtdVMTBQY4uDZlxvb3qCo5ZwKh9kG4LT6_I5IhlJH7aGhyxXFvUK-DWNmoudF8NAco9_h9iaGNj8q2ethFkMLs91kzk2PAcDTW9gb54h4FRWyuXpoQ","e":"AQAB"}
        """#
    static let payload =
        "eyJpc3MiOiJqb2UiLA0KICJleHAiOjEzMDA4MTkzODAsDQogImh0dHA6Ly9leGFtcGxlLmNvbS9pc19yb290Ijp0cnVlfQ"
    static let rs256 =
        "eyJhbGciOiJSUzI1NiJ9." + payload
        + ".cC4hiUPoj9Eetdgtv3hF80EGrhuB__dzERat0XF9g2VtQgr9PJbu3XOiZj5RZmh7AAuHIm4Bh-0Qc_lF5YKt_O8W2Fp5jujGbds9uJdbF9CUAr7t1dnZcAcQjbKBYNX4BAynRFdiuB--f_nZLgrnbyTyWzO75vRK5h6xBArLIARNPvkSjtQBMHlb1L07Qe7K0GarZRmB_eSN9383LcOLn6_dO--xi12jzDwusC-eOkHWEsqtFZESc6BfI7noOPqvhJ1phCnvWh6IeYI2w9QOYEUipUTI8np6LbgGY9Fs98rqVt5AXLIhWkWywlVmtVrBp0igcN_IoypGlUPQGe77Rw"
    /// Appendix A.3.
    static let es256Key = #"""
        {"kty":"EC","crv":"P-256","x":"f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU","y":"x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0"}
        """#
    static let es256 =
        "eyJhbGciOiJFUzI1NiJ9." + payload
        + ".DtEhU3ljbEg8L38VWAfUAqOyKAM6-Xx-F4GawxaepmXFCgfTjDxw5djxLa8ISlSApmWQxfKTUJqPP3-Kg6NU1Q"
    /// Appendix A.4.
    static let es512Key = #"""
        {"kty":"EC","crv":"P-521","x":"AekpBQ8ST8a8VcfVOTNl353vSrDCLLJXmPk06wTjxrrjcBpXp5EOnYG_NjFZ6OvLFV1jSfS9tsz4qUxcWceqwQGk","y":"ADSmRA43Z1DSNx_RvcLI87cdL07l6jQyyBXMoxVg_l2Th-x3S1WDhjDly79ajL4Kkd0AZMaZmh9ubmf63e3kyMj2"}
        """#
    static let es512 =
        "eyJhbGciOiJFUzUxMiJ9.UGF5bG9hZA.AdwMgeerwtHoh-l192l60hp9wAHZFVJbLfD_UxMi70cwnZOYaRI1bKPWROc-mZZqwqT2SI-KGDKB34XO0aw_7XdtAG8GaSwFKdCAPZgoXD2YBJZCPEX3xKpRwcdOO8KpEHwJjyqOgzDO7iKvU8vcnwNrmxYbSW9ERBXukOXolLzeO_Jn"
    /// RFC 8037, appendix A.
    static let edDSAKey = #"{"kty":"OKP","crv":"Ed25519","x":"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"}"#
    static let edDSA =
        "eyJhbGciOiJFZERTQSJ9.RXhhbXBsZSBvZiBFZDI1NTE5IHNpZ25pbmc.hgyY0il_MGCjP0JzlnLWG1PPOt7-09PGcvMg3AIbQR6dWbhijcNR4ki4iylGjg5BhVsPt9g7sVvpAr_MuM0KAg"

    static func key(_ jwk: String) throws -> VerificationKey { try VerificationKey(jwk: JSON(Array(jwk.utf8))) }

    /// A token with a header that is not ours to choose.
    static func token(header: String, payload: String = "{}", _ key: P256.Signing.PrivateKey) throws -> String {
        let text = header.utf8.base64URL + "." + payload.utf8.base64URL
        return text + "." + (try key.signature(for: SHA256.hash(data: text.utf8)).rawRepresentation.base64URL)
    }
}

@Suite("Signed tokens: JWS")
struct SignatureTests {
    @Test("The standards' examples are verified, each by its key and no other")
    func examples() throws {
        let examples = [
            (Examples.rs256, Examples.rs256Key, SignatureAlgorithm.rs256),
            (Examples.es256, Examples.es256Key, .es256), (Examples.es512, Examples.es512Key, .es512),
            (Examples.edDSA, Examples.edDSAKey, .edDSA),
        ]
        for (token, jwk, algorithm) in examples {
            let key = try Examples.key(jwk)
            #expect(key.algorithm == algorithm && key.id == nil)
            let jws = try CompactJWS(token)
            #expect(jws.algorithm.text == algorithm.rawValue)
            let payload = try jws.payload(signedBy: key)
            #expect(payload.base64URL == token.split(separator: ".")[1])
            for (_, other, otherAlgorithm) in examples where otherAlgorithm != algorithm {
                #expect(throws: JOSEError.otherAlgorithm) { try jws.payload(signedBy: Examples.key(other)) }
            }
        }
        let other = VerificationKey(P256.Signing.PrivateKey().publicKey, id: nil)
        #expect(throws: JOSEError.notSigned) { try CompactJWS(Examples.es256).payload(signedBy: other) }
    }

    @Test("What is signed here is verified here: alg first, then the header's other members")
    func roundTrip() throws {
        let key = P256.Signing.PrivateKey()
        let token = try CompactJWS.sign(
            Array(#"{"a":1}"#.utf8), header: [.init("typ", "JWT"), .init("kid", "k")], with: key)
        let jws = try CompactJWS(token)
        #expect(jws.keyID == "k" && jws.header["typ"]?.asText == "JWT")
        let header = try #require(Base64.decodeURL(token.prefix { $0 != "." }))
        #expect(String(decoding: header, as: UTF8.self) == #"{"alg":"ES256","typ":"JWT","kid":"k"}"#)
        let read = VerificationKey(key.publicKey, id: "k")
        #expect(try jws.payload(signedBy: read) == Array(#"{"a":1}"#.utf8))
        let published = try VerificationKey(jwk: JSON(key.publicKey.jwk.encoded))
        #expect(try jws.payload(signedBy: published) == Array(#"{"a":1}"#.utf8))
        #expect(published.id?.text == key.publicKey.jwkThumbprint && published.algorithm == .es256)
    }

    @Test("A change of any character of a token is seen")
    func changed() throws {
        let key = P256.Signing.PrivateKey()
        let token = Array(try CompactJWS.sign(Array(#"{"exp":1}"#.utf8), with: key).utf8)
        for index in token.indices where token[index] != UInt8(ascii: ".") {
            for replacement in [UInt8(ascii: "A"), UInt8(ascii: "_"), UInt8(ascii: ".")]
            where token[index] != replacement {
                var other = token
                other[index] = replacement
                #expect(throws: JOSEError.self) {
                    try CompactJWS(String(decoding: other, as: UTF8.self))
                        .payload(signedBy: VerificationKey(key.publicKey, id: nil))
                }
            }
        }
    }

    @Test("A token cannot choose its algorithm: it is the key's, written as the standard writes it")
    func algorithm() throws {
        let key = P256.Signing.PrivateKey()
        let read = VerificationKey(key.publicKey, id: nil)
        for name in ["none", "None", "NONE", "HS256", "ES384", "ES256K", "es256", "ES256 ", "RS256", ""] {
            let token = try Examples.token(header: #"{"alg":"\#(name)"}"#, key)
            #expect(throws: JOSEError.otherAlgorithm) { try CompactJWS(token).payload(signedBy: read) }
        }
        let unsigned = "\(#"{"alg":"none"}"#.utf8.base64URL).e30."
        #expect(throws: JOSEError.otherAlgorithm) { try CompactJWS(unsigned).payload(signedBy: read) }
        let good = try Examples.token(header: #"{"alg":"ES256"}"#, key)
        #expect(try CompactJWS(good).payload(signedBy: read) == Array("{}".utf8))
        // A public key as the secret of an HMAC: the classic confusion.
        let text = #"{"alg":"HS256"}"#.utf8.base64URL + ".e30"
        let code = HMAC<SHA256>.authenticationCode(
            for: text.utf8, using: SymmetricKey(data: key.publicKey.derRepresentation))
        #expect(throws: JOSEError.otherAlgorithm) {
            try CompactJWS(text + "." + code.base64URL).payload(signedBy: read)
        }
    }

    @Test("A header is read strictly, and what it has to be understood is refused")
    func headers() throws {
        let key = P256.Signing.PrivateKey()
        for header in [
            "", "[]", "5", #"{"alg":5}"#, "{}", #"{"alg":"ES256","kid":5}"#, #"{"alg":"ES256","kid":null}"#,
            #"{"alg":"ES256","alg":"ES256"}"#, #"{"alg":"ES256","crit":["exp"],"exp":1}"#,
            #"{"alg":"ES256","crit":["b64"],"b64":false}"#, #"{"alg":"ES256","crit":[]}"#, #"{"alg":"ES256"}x"#,
            String(repeating: "[", count: 400) + String(repeating: "]", count: 400),
        ] {
            let token = try Examples.token(header: header, key)
            #expect(throws: JOSEError.self, "\(header.prefix(40))") { try CompactJWS(token) }
        }
        for text in [
            "", ".", "..", "...", "a.b", "a.b.c.d", Examples.es256 + ".", "." + Examples.es256, Examples.es256 + "=",
            " " + Examples.es256, Examples.es256 + "\n", Examples.es256.replacing("-", with: "+"),
            Examples.es256.replacing("e", with: "é"),
        ] {
            #expect(throws: JOSEError.self, "\(text.prefix(40))") { try CompactJWS(text) }
        }
    }

    @Test("What is longer than may be is not looked at")
    func limits() throws {
        let key = P256.Signing.PrivateKey()
        let header = #"{"alg":"ES256","kid":"\#(String(repeating: "k", count: 60))"}"#
        let token = try Examples.token(header: header, key)
        let size = token.utf8.count
        let headerSize = token.prefix { $0 != "." }.utf8.count
        _ = try CompactJWS(token, limits: .init(bytes: size, header: headerSize))
        #expect(throws: JOSEError.self) { try CompactJWS(token, limits: .init(bytes: size - 1, header: headerSize)) }
        #expect(throws: JOSEError.self) { try CompactJWS(token, limits: .init(bytes: size, header: headerSize - 1)) }
    }

    @Test("Nothing of a payload is decoded before its signature was verified")
    func unread() throws {
        let key = P256.Signing.PrivateKey()
        let read = VerificationKey(key.publicKey, id: nil)
        let header = #"{"alg":"ES256"}"#.utf8.base64URL
        for payload in ["", "!", "e30=", String(repeating: "W", count: 4_000)] {
            #expect(throws: JOSEError.notSigned) {
                try CompactJWS("\(header).\(payload).AAAA").payload(signedBy: read)
            }
        }
        // Signed, and then no base64url.
        let text = header + ".!"
        let signature = try key.signature(for: SHA256.hash(data: text.utf8)).rawRepresentation.base64URL
        #expect(throws: JOSEError.malformed("The JWT cannot be read.")) {
            try CompactJWS(text + "." + signature).payload(signedBy: read)
        }
    }
}

@Suite("Published keys: JWK and JWK Set")
struct VerificationKeyTests {
    @Test("A key without an algorithm has the one of its kind; one with another's is refused")
    func algorithms() throws {
        #expect(try Examples.key(Examples.rs256Key).algorithm == .rs256)
        for name in ["RS384", "RS512", "PS256", "PS384", "PS512"] {
            let key = try Examples.key(Examples.rs256Key.replacing("{", with: #"{"alg":"\#(name)","#))
            #expect(key.algorithm.rawValue == name)
        }
        for (jwk, name) in [
            (Examples.rs256Key, "ES256"), (Examples.rs256Key, "EdDSA"), (Examples.rs256Key, "RSA-OAEP"),
            (Examples.es256Key, "ES384"), (Examples.es256Key, "ES512"), (Examples.es256Key, "HS256"),
            (Examples.es512Key, "ES256"), (Examples.es256Key, "none"), (Examples.edDSAKey, "ES256"),
        ] {
            let key = jwk.replacing("{", with: #"{"alg":"\#(name)","#)
            #expect(throws: JOSEError.self, "\(name)") { try Examples.key(key) }
        }
        let odd = Examples.es256Key.replacing("{", with: #"{"alg":5,"#)
        #expect(throws: JOSEError.self) { try Examples.key(odd) }
    }

    @Test("A key for another use is refused")
    func uses() throws {
        func key(_ members: String) throws -> VerificationKey {
            try Examples.key(Examples.es256Key.replacing("{", with: "{\(members),"))
        }
        _ = try key(#""use":"sig""#)
        _ = try key(#""key_ops":["verify"]"#)
        _ = try key(#""use":"sig","key_ops":["sign","verify"],"kid":"k""#)
        for members in [
            #""use":"enc""#, #""use":5"#, #""key_ops":["encrypt"]"#, #""key_ops":[]"#, #""key_ops":"verify""#,
            #""use":"enc","key_ops":["verify"]"#, #""kid":5"#,
        ] {
            #expect(throws: JOSEError.self, "\(members)") { try key(members) }
        }
    }

    @Test("Keys that are none, or too weak, are refused")
    func weak() throws {
        let (x, y) = ("f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU", "x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0")
        for jwk in [
            "[]", "{}", #"{"kty":"oct","k":"AAAA"}"#, #"{"kty":"EC"}"#,
            #"{"kty":"EC","crv":"P-256","x":"\#(x)"}"#, #"{"kty":"EC","crv":"P-256","x":"\#(x)","y":"\#(x)"}"#,
            #"{"kty":"EC","crv":"P-384","x":"\#(x)","y":"\#(y)"}"#,
            #"{"kty":"EC","crv":"secp256k1","x":"\#(x)","y":"\#(y)"}"#,
            #"{"kty":"EC","crv":"P-256","x":"\#(x)=","y":"\#(y)"}"#,
            #"{"kty":"RSA","crv":"P-256","x":"\#(x)","y":"\#(y)"}"#,
            #"{"kty":"OKP","crv":"Ed25519","x":"AAAA"}"#, #"{"kty":"OKP","crv":"Ed448","x":"\#(x)"}"#,
            #"{"kty":"OKP","crv":"X25519","x":"\#(x)"}"#,
            Examples.rs256Key.replacing("AQAB", with: "AQ"), Examples.rs256Key.replacing("AQAB", with: "Ag"),
            #"{"kty":"RSA","n":"\#(Array(repeating: UInt8(0xFF), count: 128).base64URL)","e":"AQAB"}"#,
        ] {
            #expect(throws: JOSEError.self, "\(jwk.prefix(60))") { try Examples.key(jwk) }
        }
    }

    @Test("Thumbprints are RFC 7638's and RFC 8037's, over the members that make the key")
    func thumbprints() throws {
        let rsa = [
            (
                "n",
                "0vx7agoebGcQSuuPiLJXZptN9nndrQmbXEps2aiAFbWhM78LhWx4cbbfAAtVT86zwu1RK7aPFFxuhDR1L6tSoc_BJECPebWKRXjBZCiFV4n3oknjhMstn64tZ_2W-5JsGY4Hc5n9yBXArwl93lqt7_RN5w6Cf0h4QyQ5v-65YGjQR0_FDW2QvzqY368QQMicAtaSqzs8KJZgnYb9c7d0zgdAZHzu6qMQvRL5hajrn1n91CbOpbISD08qNLyrdkt-bFTWhAI4vMQFh6WeZu0fM4lFd2NcRwr3XPksINHaQ-G_xBniIqbw0Ls1jF44-csFCur-kEgU8awapJzKnqDKgw"
            ), ("kty", "RSA"), ("e", "AQAB"),
        ]
        #expect(Thumbprint.text(of: rsa) == "NzbLsXh8uDCcd-6MNwXF4W_7noWXFZAfHkxZsRGC9Xs")
        let edwards = [("kty", "OKP"), ("crv", "Ed25519"), ("x", "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo")]
        #expect(Thumbprint.text(of: edwards) == "kPrK_qmxVWaYVA9wwBF6Iuo3vVzz7TxHCTwXBygrS4k")
        let key = P256.Signing.PrivateKey().publicKey
        let members = try #require(key.jwk.members).filter { ["kty", "crv", "x", "y"].contains($0.name) }
        let named = members.compactMap { member in JSON.text(member.value).map { (member.name, $0) } }
        #expect(named.count == 4 && Thumbprint.text(of: named) == key.jwkThumbprint)
    }

    @Test("Of a set, the keys that can be used are used: RFC 7517's, appendix A.1, has one for encryption")
    func set() throws {
        let json = """
            {"keys":[{"kty":"EC","crv":"P-256","x":"MKBCTNIcKUSDii11ySs3526iDZ8AiTo7Tu6KPAqv7D4",\
            "y":"4Etl6SRW2YiLUrN5vfvVHuhp7x8PxltmWWlbbM4IFyM","use":"enc","kid":"1"},\
            \(Examples.rs256Key.dropLast()),"alg":"RS256","kid":"2011-04-29"},{"kty":"OKP","crv":"X9","kid":"odd"},5]}
            """
        let set = try VerificationKeySet(json: Array(json.utf8))
        #expect(set.keys.count == 1 && set.unused == 3)
        #expect(set.keys(named: "2011-04-29").first?.algorithm == .rs256)
        #expect(set.keys(named: "1").isEmpty && set.keys(named: "").isEmpty)
    }

    @Test("Two keys may have one id: each verifies what it has signed")
    func sameID() throws {
        let keys = [P256.Signing.PrivateKey(), P256.Signing.PrivateKey()]
        let jwks = keys.map { key in
            var jwk = key.publicKey.jwk
            jwk["kid"] = "same"
            return jwk
        }
        let set = try VerificationKeySet(json: JSONValue.object([.init("keys", .array(jwks))]).encoded)
        #expect(set.keys(named: "same").count == 2)
    }

    @Test("What is no set, or has too many keys, is refused")
    func noSet() throws {
        let many = Array(repeating: #"{"kty":"oct"}"#, count: 257).joined(separator: ",")
        for json in ["", "[]", "{}", #"{"keys":{}}"#, "not JSON", #"{"keys":[],"keys":[]}"#, #"{"keys":[\#(many)]}"#] {
            #expect(throws: JOSEError.self) { try VerificationKeySet(json: Array(json.utf8)) }
        }
        #expect(try VerificationKeySet(json: Array(#"{"keys":[]}"#.utf8)).keys.isEmpty)
    }
}

extension JSON {
    /// The text of a value that was put together.
    fileprivate static func text(_ value: JSONValue) -> String? {
        guard case .text(let text) = value else { return nil }
        return text
    }
}
