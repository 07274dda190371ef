public import Bytes
import Crypto
import Formats
public import FoundationEssentials

/// An X.509 certificate, parsed as far as a verifier of hardware evidence needs it. Source: RFC 5280, section 4.1.
///
/// Not by a library: vendors give serial numbers of zero, which libraries refuse.
public struct Certificate: Sendable, Hashable {
    /// The whole certificate, DER.
    public let der: [UInt8]
    /// The signed bytes.
    var toBeSigned: [UInt8] = []
    var signatureAlgorithm = SignatureAlgorithm.other("")
    var signature: [UInt8] = []
    /// Names are compared as their DER, as they stand.
    var issuer: [UInt8] = []
    var subject: [UInt8] = []
    /// The subject's common name, e.g. `SEV-Milan`, cut to 64 printable characters; empty when there is none.
    public internal(set) var commonName = ""
    public internal(set) var notBefore = Date.distantFuture
    public internal(set) var notAfter = Date.distantPast
    /// SubjectPublicKeyInfo, DER.
    var publicKeyInfo: [UInt8] = []
    /// Extension values.
    var extensions: [OID: [UInt8]] = [:]

    enum SignatureAlgorithm: Sendable, Hashable {
        /// RSASSA-PSS with SHA-384, MGF1 with SHA-384 and a salt of 48 bytes.
        case pssSHA384
        case other(String)
    }

    /// Reads one DER certificate.
    ///
    /// - Throws: ``MalformedInput`` for anything that is not a certificate.
    public init(der: [UInt8]) throws(MalformedInput) {
        self.der = der
        try read()
    }

    /// Reads every certificate in a file: PEM (any number) or DER (one).
    public static func read(file bytes: [UInt8]) throws(MalformedInput) -> [Certificate] {
        guard !isDER(bytes), bytes.contains(Array("-----BEGIN CERTIFICATE-----".utf8)) else {
            return [try Certificate(der: bytes)]
        }
        var certificates: [Certificate] = []
        for document in try PEMDocument.read(bytes) where document.label == "CERTIFICATE" {
            certificates.append(try Certificate(der: document.der))
        }
        return certificates
    }

    /// DER begins with a SEQUENCE of more than 127 bytes, of which no text has the second byte.
    private static func isDER(_ bytes: [UInt8]) -> Bool {
        bytes.count < 2 || bytes[0] == 0x30 && bytes[1] & 0x80 != 0
    }

    /// The certificates that a guest sends, PEM or DER, one or several to a file: at most 12, of at most 4 KiB each,
    /// since anyone may send them; an honest table has a handful. Files that are no certificates are passed over.
    public static func offered(_ files: some Sequence<[UInt8]>) -> [Certificate] {
        var certificates: [Certificate] = []
        for file in files.prefix(16) {
            let documents = isDER(file) ? nil : try? PEMDocument.read(file)
            let texts = documents?.filter { $0.label == "CERTIFICATE" }.map(\.der) ?? []
            for der in texts.isEmpty ? [file] : texts where der.count <= 4_096 {
                guard certificates.count < 12 else { return certificates }
                if let certificate = try? Certificate(der: der) { certificates.append(certificate) }
            }
        }
        return certificates
    }

    /// SHA-256 of the SubjectPublicKeyInfo, 32 bytes: anchors are pinned by it.
    public var publicKeyFingerprint: [UInt8] { Array(SHA256.hash(data: publicKeyInfo)) }

    /// SHA-256 of the certificate, 32 bytes.
    public var fingerprint: [UInt8] { Array(SHA256.hash(data: der)) }

    func isNamed(asIssuerOf other: Certificate) -> Bool { other.issuer == subject }

    /// Whether `self` names `issuer` as its issuer and bears its valid RSASSA-PSS signature.
    public func isSigned(by issuer: Certificate) -> Bool {
        guard self.issuer == issuer.subject, signatureAlgorithm == .pssSHA384,
            let key = try? RSA.Signing.PublicKey(derRepresentation: issuer.publicKeyInfo)
        else { return false }
        return key.isValidSignature(
            RSA.Signing.RSASignature(rawRepresentation: signature), for: SHA384.hash(data: toBeSigned), padding: .PSS)
    }

    /// PEM, with a line end after the last line.
    public var pem: String { PEMDocument(label: "CERTIFICATE", der: der).text }
}
