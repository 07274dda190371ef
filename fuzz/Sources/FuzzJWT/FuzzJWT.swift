import Bytes
import Crypto
import Formats
import FoundationEssentials
import FuzzSupport
import JOSE

/// Any bytes as a token, as signed claims, as a signed header, as a key, and as a set of keys, as the first byte says.
/// Nothing is taken that was not signed by the one key.
@_cdecl("LLVMFuzzerTestOneInput")
public func fuzz(_ start: UnsafePointer<UInt8>, _ count: Int) -> CInt {
    let bytes = Depth.bytes(start, count)
    guard let mode = bytes.first else { return 0 }
    let input = Array(bytes.dropFirst())
    switch mode {
    case UInt8(ascii: "t"): readToken(input)
    case UInt8(ascii: "c"): readClaims(input)
    case UInt8(ascii: "h"): readHeader(input)
    case UInt8(ascii: "k"): readKey(input)
    case UInt8(ascii: "s"): readSet(input)
    default: break
    }
    return 0
}

private let number = [UInt8](repeating: 1, count: 32)
private let signing = try? P256.Signing.PrivateKey(rawRepresentation: number)
private let published = signing.map { VerificationKey($0.publicKey, id: nil) }

/// The claims of the one token among the seeds.
private let signedClaims = #"{"iss":"https://id.example.org","aud":"kbs","sub":"alice","exp":4000000000}"#

private func readToken(_ input: [UInt8]) {
    guard let token = try? CompactJWS(String(decoding: input, as: UTF8.self)), let published else { return }
    Depth.reached("a token read")
    guard let payload = try? token.payload(signedBy: published) else { return }
    Depth.reached("a signature verified")
    precondition(payload == Array(signedClaims.utf8), "claims that nobody signed")
    check(payload)
}

private func check(_ payload: [UInt8]) {
    guard let claims = try? JWTClaims(payload) else { return }
    Depth.reached("claims read")
    _ = (claims.list("groups"), claims.list("realm_access.roles"), claims["jti"]?.asText)
    let rules = JWTClaims.Rules(issuer: "https://id.example.org", audience: "kbs")
    if (try? claims.check(rules, at: Date(timeIntervalSince1970: 1_800_000_000))) != nil {
        Depth.reached("claims taken")
    }
}

private func readClaims(_ input: [UInt8]) {
    guard let signing, let published, let text = try? CompactJWS.sign(input, with: signing),
        let token = try? CompactJWS(text, limits: .init(bytes: 1 << 20))
    else { return }
    guard let payload = try? token.payload(signedBy: published) else { preconditionFailure("its own token") }
    precondition(payload == input)
    check(payload)
}

private func readHeader(_ input: [UInt8]) {
    let text = input.base64URL + ".e30"
    guard let signing, let published,
        let signature = try? signing.signature(for: SHA256.hash(data: text.utf8)),
        let token = try? CompactJWS(
            text + "." + signature.rawRepresentation.base64URL, limits: .init(bytes: 1 << 20, header: 1 << 20))
    else { return }
    Depth.reached("a header read")
    let isSigned = (try? token.payload(signedBy: published)) != nil
    precondition(isSigned == (token.algorithm == "ES256"), "an algorithm that is not the key's")
    if isSigned { Depth.reached("a header taken") }
}

private func readKey(_ input: [UInt8]) {
    guard let jwk = try? JSON(input) else { return }
    if (try? VerificationKey(jwk: jwk)) != nil { Depth.reached("a key to verify with") }
    var rules = RecipientKey.Rules()
    rules.allowsRSA1_5 = true
    guard let recipient = try? RecipientKey(jwk, rules: rules) else { return }
    Depth.reached("a key to encrypt to")
    guard let again = try? RecipientKey(json: recipient.json, rules: rules) else {
        preconditionFailure("its own canonical form")
    }
    precondition(again.json == recipient.json)
    precondition((try? EncryptedMessage(Secret("secret".utf8), to: recipient)) != nil)
}

private func readSet(_ input: [UInt8]) {
    guard let set = try? VerificationKeySet(json: input) else { return }
    if !set.keys.isEmpty { Depth.reached("a set with a key") }
    for key in set.keys { precondition(key.id.map { !set.keys(named: $0).isEmpty } ?? true) }
}
