public import Bytes
public import Crypto
public import Formats

/// A JWS in the compact form, of which nothing is believed yet. Source: RFC 7515, sections 3.1, 5.2 and 7.1.
///
/// Of its header no more is used than which of the known keys to try. A key that it brings along (`jwk`, `x5c`, `jku`)
/// proves nothing and is not looked at.
public struct CompactJWS: Sendable {
    /// `alg`, as it stands there.
    public let algorithm: ExactText
    /// `kid`.
    public let keyID: ExactText?
    /// The protected header.
    public let header: JSON
    /// What the signature is over: header and payload, in ASCII, as they came.
    private let signedText: [UInt8]
    private let payloadText: [UInt8]
    private let signature: [UInt8]

    /// How much may come.
    public struct Limits: Sendable {
        /// Of the whole, in bytes.
        public var bytes: Int
        /// Of the header, as it stands there in base64url.
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
        // Section 4.1.11: what is critical must be understood, and nothing is.
        guard json["crit"] == nil else {
            throw .malformed("The JWT has critical extensions, which are not understood here.")
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

    /// Puts together and signs with ES256.
    ///
    /// - Parameter header: further members of the protected header, behind `alg`.
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

    /// The payload, once a key has proved to have signed it. Nothing of it was decoded before.
    ///
    /// - Throws: ``JOSEError/otherAlgorithm`` when the header names another algorithm than the key's,
    ///   ``JOSEError/notSigned``.
    public func payload(signedBy key: VerificationKey) throws(JOSEError) -> [UInt8] {
        guard algorithm == ExactText(key.algorithm.rawValue) else { throw .otherAlgorithm }
        guard key.isValid(signature, over: signedText) else { throw .notSigned }
        guard let payload = Base64.decodeURL(utf8: payloadText) else { throw Self.unreadable }
        return payload
    }

    /// The payload as it came, which nobody may have signed: for asking whom to ask.
    public var unverifiedPayload: [UInt8]? { Base64.decodeURL(utf8: payloadText) }

    private static var unreadable: JOSEError { .malformed("The JWT cannot be read.") }
}
