import Broker
import Bytes
import Formats
import JOSE

/// The data that a guest's evidence is bound to: the nonce, its key, and the evidence of other devices.
struct RuntimeBinding: Sendable {
    /// The nonce of the challenge that the guest claims to answer.
    struct Nonce: Sendable {
        /// As the guest wrote it, base64.
        let text: String
        /// 32 bytes.
        let bytes: [UInt8]

        /// - Parameter runtimeData: has `nonce`.
        /// - Throws: a ``Refusal``.
        init(_ runtimeData: JSON?) throws(Refusal) {
            guard let text = runtimeData?["nonce"]?.asText, let bytes = Base64.decode(text), bytes.count == 32
            else {
                throw Refusal(.malformed, "runtime-data.nonce must be the challenge's nonce: base64 of 32 bytes.")
            }
            (self.text, self.bytes) = (text, bytes)
        }
    }

    private let nonce: Nonce
    let key: RecipientKey
    private let jwk: JSONValue
    /// As it was sent.
    let additionalEvidence: String

    /// - Parameters:
    ///   - jwk: `tee-pubkey`.
    ///   - additionalEvidence: the text as it was sent.
    /// - Throws: a ``Refusal``.
    init(
        _ nonce: Nonce, _ jwk: JSON?, additionalEvidence: String, keys: RecipientKey.Rules
    ) throws(Refusal) {
        guard let jwk else {
            throw Refusal(.malformed, "The field runtime-data.tee-pubkey is missing.")
        }
        key = try RecipientKey(refusing: jwk, rules: keys)
        (self.nonce, self.jwk) = (nonce, JSONValue(jwk))
        self.additionalEvidence = additionalEvidence
    }

    /// The runtime data: input of the report data's digest, and a claim of the token.
    var claims: JSONValue {
        ["tee-pubkey": jwk, "nonce": .text(nonce.text), "additional-evidence": .text(additionalEvidence)]
    }

    /// Input of the digest that a device's evidence is bound to.
    var deviceClaims: JSONValue { ["tee-pubkey": jwk, "nonce": .text(nonce.text)] }

    /// The expected report data, 64 bytes.
    ///
    /// The algorithm agreed on with the guest is not stored. Any of the offered ones is accepted, because all of them
    /// are collision resistant.
    ///
    /// - Parameter found: the report data of the evidence, as far as known.
    func reportData(like found: [UInt8]) throws(MalformedInput) -> [UInt8] {
        try Self.digest(of: claims, like: found)
    }

    /// The expected report data of a device, in the same way.
    func deviceReportData(like found: [UInt8]) throws(MalformedInput) -> [UInt8] {
        try Self.digest(of: deviceClaims, like: found)
    }

    private static func digest(of claims: JSONValue, like found: [UInt8]) throws(MalformedInput) -> [UInt8] {
        let text = Array(try CanonicalJSON.text(claims).utf8)
        let padded = found + Array(repeating: 0, count: max(0, 64 - found.count))
        let candidates = HashAlgorithm.allCases.lazy.map { $0.digest(of: text, filling: 64) }
        return candidates.first { $0 == padded } ?? HashAlgorithm.usual.digest(of: text, filling: 64)
    }
}
