public import Bytes
public import Crypto
public import Formats

/// An unverified JWS in compact form. Source: RFC 7515, sections 3.1, 5.2 and 7.1.
///
/// Its header only selects the known keys to try. Keys in the header (`jwk`, `x5c`, `jku`) prove nothing and are ignored.
public struct CompactJWS: Sendable {
    /// `alg`.
    public let algorithm: ExactText
    /// `kid`.
    public let keyID: ExactText?
    /// The protected header.
    public let header: JSON
    /// The signed text: header and payload, encoded.
    private let signedText: [UInt8]
    private let payloadText: [UInt8]
    private let signature: [UInt8]

    public struct Limits: Sendable {
        /// The whole text.
        public var bytes: Int
        /// The encoded header, in bytes.
        public var header: Int

        public init(bytes: Int = 8_192, header: Int = 1_024) { (self.bytes, self.header) = (bytes, header) }
    }

    /// - Throws: ``JOSEError/malformed(_:)``.
    public init(_ text: some StringProtocol, limits: Limits = Limits()) throws(JOSEError) {
        let bytes = Array(text.utf8.prefix(limits.bytes + 1))
        guard bytes.count <= limits.bytes else { throw Self.unreadable }
        let parts = bytes.split(separator: UInt8(ascii: "."), omittingEmptySubsequences: false)
        guard parts.count == 3, parts[0].count <= limits.header, let header = Base64.decodeURL(utf8: Array(parts[0])),
            let json = try? JSON(header), json.kind == .object, let signature = Base64.decodeURL(utf8: Array(parts[2]))
        else { throw Self.unreadable }
        // Section 4.1.11: a critical extension that is not supported must be refused.
        guard json["crit"] == nil else {
            throw .malformed("The JWT has critical extensions, which are not supported.")
        }
        guard let algorithm = json["alg"]?.asText else { throw Self.unreadable }
        if let id = json["kid"] {
            guard let id = id.asText else { throw .malformed("The JWT's kid is not a text.") }
            keyID = ExactText(id)
        } else {
            keyID = nil
        }
        self.algorithm = ExactText(algorithm)
        self.header = json
        signedText = Array(bytes[..<parts[1].endIndex])
        payloadText = Array(parts[1])
        self.signature = signature
    }

    /// Encodes and signs with ES256.
    ///
    /// - Parameter header: members of the protected header after `alg`.
    /// - Throws: ``JOSEError`` when libcrypto cannot sign.
    public static func sign(
        _ payload: [UInt8], header: [JSONValue.Member] = [], with key: P256.Signing.PrivateKey
    ) throws(JOSEError) -> String {
        let members = [JSONValue.Member("alg", .text(SignatureAlgorithm.es256.rawValue))] + header
        let text = JSONValue.object(members).encoded.base64URL + "." + payload.base64URL
        do {
            let signature = try key.signature(for: SHA256.hash(data: text.utf8))
            return text + "." + signature.rawRepresentation.base64URL
        } catch { throw JOSEError(error) }
    }

    /// The payload, decoded after its signature was verified.
    ///
    /// - Throws: ``JOSEError/otherAlgorithm``, ``JOSEError/notSigned``.
    public func payload(signedBy key: VerificationKey) throws(JOSEError) -> [UInt8] {
        guard algorithm == ExactText(key.algorithm.rawValue) else { throw .otherAlgorithm }
        guard key.isValid(signature, over: signedText) else { throw .notSigned }
        guard let payload = Base64.decodeURL(utf8: payloadText) else { throw Self.unreadable }
        return payload
    }

    /// The unverified payload, for selecting the issuer's keys.
    public var unverifiedPayload: [UInt8]? { Base64.decodeURL(utf8: payloadText) }

    private static var unreadable: JOSEError { .malformed("The JWT cannot be read.") }
}
