import Crypto
import CryptoExtras
public import Foundation
import SwiftASN1

/// An X.509 certificate, read as far as a verifier of hardware evidence needs it.
///
/// swift-certificates does not read RSASSA-PSS signatures, nor the serial numbers of zero that
/// some vendors give, so this reads the DER with swift-asn1. Source: RFC 5280, section 4.1.
public struct Certificate: Sendable, Hashable {
    /// The whole certificate, DER.
    public let der: [UInt8]
    /// What the signature is over.
    let toBeSigned: [UInt8]
    let signatureAlgorithm: SignatureAlgorithm
    let signature: [UInt8]
    /// Names are compared as their DER, as they stand.
    let issuer: [UInt8]
    let subject: [UInt8]
    /// The subject's common name, e.g. `SEV-Milan`, cut to 64 printable characters; empty when there is none.
    public let commonName: String
    public let notBefore: Date
    public let notAfter: Date
    /// SubjectPublicKeyInfo, DER.
    let publicKeyInfo: [UInt8]
    /// Extension values by dotted object identifier.
    let extensions: [String: [UInt8]]

    enum SignatureAlgorithm: Sendable, Hashable {
        /// RSASSA-PSS with SHA-384, MGF1 with SHA-384 and a salt of 48 bytes.
        case pssSHA384
        case other(String)
    }

    /// Reads one DER certificate.
    ///
    /// - Throws: ``MalformedInput`` for anything that is not a certificate.
    public init(der: [UInt8]) throws(MalformedInput) {
        do {
            let fields = try Fields(der: der)
            self.der = der
            toBeSigned = fields.toBeSigned
            signatureAlgorithm = fields.signatureAlgorithm
            signature = fields.signature
            issuer = fields.issuer
            subject = fields.subject
            commonName = fields.commonName
            notBefore = fields.notBefore
            notAfter = fields.notAfter
            publicKeyInfo = fields.publicKeyInfo
            extensions = fields.extensions
        } catch let error as MalformedInput {
            throw error
        } catch {
            throw MalformedInput("X.509 certificate", "it is not DER as RFC 5280 has it (\(error))")
        }
    }

    /// Reads every certificate in a file: PEM (any number) or DER (one).
    public static func read(file bytes: [UInt8]) throws(MalformedInput) -> [Certificate] {
        let pemMark = Array("-----BEGIN CERTIFICATE-----".utf8)
        guard Data(bytes).range(of: Data(pemMark)) != nil else { return [try Certificate(der: bytes)] }
        let documents: [PEMDocument]
        do {
            documents = try PEMDocument.parseMultiple(pemString: String(decoding: bytes, as: UTF8.self))
        } catch {
            throw MalformedInput("PEM file", "it cannot be read (\(error))")
        }
        var certificates: [Certificate] = []
        for document in documents where document.discriminator == "CERTIFICATE" {
            certificates.append(try Certificate(der: document.derBytes))
        }
        return certificates
    }

    /// SHA-256 of the SubjectPublicKeyInfo, 32 bytes: what anchors are pinned by.
    public var publicKeyFingerprint: [UInt8] { Array(SHA256.hash(data: publicKeyInfo)) }

    /// SHA-256 of the certificate, 32 bytes.
    public var fingerprint: [UInt8] { Array(SHA256.hash(data: der)) }

    /// Whether `self` names `issuer` as its issuer and bears its valid RSASSA-PSS signature.
    public func isSigned(by issuer: Certificate) -> Bool {
        guard self.issuer == issuer.subject, signatureAlgorithm == .pssSHA384,
            // AMD's keys have 4,096 bits; a larger one would only cost time.
            let key = try? _RSA.Signing.PublicKey(derRepresentation: issuer.publicKeyInfo), key.keySizeInBits <= 4_096
        else { return false }
        return key.isValidSignature(
            _RSA.Signing.RSASignature(rawRepresentation: signature), for: SHA384.hash(data: toBeSigned), padding: .PSS)
    }

    /// PEM, with a line end after the last line.
    public var pem: String { PEMDocument(type: "CERTIFICATE", derBytes: der).pemString + "\n" }
}

/// The certificate's parts, while they are read.
private struct Fields {
    var toBeSigned: [UInt8] = []
    var signatureAlgorithm = Certificate.SignatureAlgorithm.other("")
    var signature: [UInt8] = []
    var issuer: [UInt8] = []
    var subject: [UInt8] = []
    var commonName = ""
    var notBefore = Date.distantFuture
    var notAfter = Date.distantPast
    var publicKeyInfo: [UInt8] = []
    var extensions: [String: [UInt8]] = [:]

    init(der: [UInt8]) throws {
        try DER.sequence(try DER.parse(der), identifier: .sequence) { nodes in
            let body = try nodes.expect("the body")
            toBeSigned = Array(body.encodedBytes)
            try readBody(body)
            let outer = try Self.algorithm(try nodes.expect("the signature algorithm"))
            // RFC 5280, 4.1.1.2: the signed copy of the algorithm and the outer one must agree.
            guard outer == signatureAlgorithm else {
                throw MalformedInput("X.509 certificate", "its two signature algorithms differ")
            }
            let bits = try ASN1BitString(derEncoded: &nodes)
            guard bits.paddingBits == 0 else {
                throw MalformedInput("X.509 certificate", "its signature is not a whole number of bytes")
            }
            signature = Array(bits.bytes)
        }
    }

    private mutating func readBody(_ body: ASN1Node) throws {
        try DER.sequence(body, identifier: .sequence) { nodes in
            let version = try DER.optionalExplicitlyTagged(&nodes, tagNumber: 0, tagClass: .contextSpecific) {
                try Int(derEncoded: $0)
            }
            guard version == 2 else { throw MalformedInput("X.509 certificate", "it is not of version 3") }
            // The serial number may be zero or negative in the field; nothing depends on it.
            _ = try nodes.expect("the serial number")
            signatureAlgorithm = try Self.algorithm(try nodes.expect("the signature algorithm"))
            issuer = Array(try nodes.expect("the issuer").encodedBytes)
            (notBefore, notAfter) = try DER.sequence(try nodes.expect("the validity"), identifier: .sequence) { times in
                (try Self.time(try times.expect("notBefore")), try Self.time(try times.expect("notAfter")))
            }
            let name = try nodes.expect("the subject")
            subject = Array(name.encodedBytes)
            commonName = try Self.commonName(name)
            publicKeyInfo = Array(try nodes.expect("the public key").encodedBytes)
            while let node = nodes.next() {
                // 1 and 2 are unique identifiers, which say nothing here; 3 is the extensions.
                guard node.identifier == ASN1Identifier(tagWithNumber: 3, tagClass: .contextSpecific) else { continue }
                try readExtensions(node)
            }
        }
    }

    private mutating func readExtensions(_ node: ASN1Node) throws {
        guard case .constructed(let inner) = node.content else {
            throw MalformedInput("X.509 certificate", "its extensions are not a sequence")
        }
        var outer = inner.makeIterator()
        try DER.sequence(try outer.expect("the extensions"), identifier: .sequence) { list in
            while let entry = list.next() {
                try DER.sequence(entry, identifier: .sequence) { parts in
                    let identifier = try ASN1ObjectIdentifier(derEncoded: &parts)
                    _ = try DER.decodeDefault(&parts, defaultValue: false)
                    let value = try ASN1OctetString(derEncoded: &parts)
                    let name = identifier.oidComponents.map(String.init).joined(separator: ".")
                    guard extensions.updateValue(Array(value.bytes), forKey: name) == nil else {
                        throw MalformedInput("X.509 certificate", "the extension \(name) occurs twice")
                    }
                }
            }
        }
    }

    /// The common name (2.5.4.3) of a distinguished name.
    private static func commonName(_ name: ASN1Node) throws -> String {
        var found = ""
        try DER.sequence(name, identifier: .sequence) { relativeNames in
            while let relativeName = relativeNames.next() {
                guard case .constructed(let attributes) = relativeName.content else { continue }
                for attribute in attributes {
                    try DER.sequence(attribute, identifier: .sequence) { parts in
                        let type = try ASN1ObjectIdentifier(derEncoded: &parts)
                        let value = try parts.expect("a name's value")
                        guard type == [2, 5, 4, 3], case .primitive(let text) = value.content else { return }
                        found = Self.printable(text)
                    }
                }
            }
        }
        return found
    }

    /// The name goes into logs and onto terminals before anyone has signed for it.
    private static func printable(_ text: ArraySlice<UInt8>) -> String {
        String(decoding: text.prefix(64).map { (0x20..<0x7F).contains($0) ? $0 : UInt8(ascii: "?") }, as: UTF8.self)
    }

    private static func time(_ node: ASN1Node) throws -> Date {
        if node.identifier == .utcTime {
            let time = try UTCTime(derEncoded: node)
            return try date(time.year, time.month, time.day, time.hours, time.minutes, time.seconds)
        }
        let time = try GeneralizedTime(derEncoded: node)
        return try date(time.year, time.month, time.day, time.hours, time.minutes, time.seconds)
    }

    private static func date(_ year: Int, _ month: Int, _ day: Int, _ hour: Int, _ minute: Int, _ second: Int) throws
        -> Date
    {
        var calendar = Calendar(identifier: .gregorian)
        calendar.timeZone = .gmt
        let components = DateComponents(
            year: year, month: month, day: day, hour: hour, minute: minute, second: second)
        guard let date = calendar.date(from: components) else {
            throw MalformedInput("X.509 certificate", "its validity is not a date")
        }
        return date
    }

    /// AlgorithmIdentifier; RSASSA-PSS parameters are RFC 4055, section 3.1.
    private static func algorithm(_ node: ASN1Node) throws -> Certificate.SignatureAlgorithm {
        try DER.sequence(node, identifier: .sequence) { parts in
            let identifier = try ASN1ObjectIdentifier(derEncoded: &parts)
            let parameters = parts.next()
            guard identifier == Self.rsassaPSS, let parameters else { return .other("\(identifier)") }
            let (hash, mask, salt) = try DER.sequence(parameters, identifier: .sequence) { fields in
                let hash = try DER.optionalExplicitlyTagged(&fields, tagNumber: 0, tagClass: .contextSpecific) {
                    try Self.hash($0)
                }
                let mask = try DER.optionalExplicitlyTagged(&fields, tagNumber: 1, tagClass: .contextSpecific) { node in
                    try DER.sequence(node, identifier: .sequence) { inner -> ASN1ObjectIdentifier? in
                        let function = try ASN1ObjectIdentifier(derEncoded: &inner)
                        let hash = try Self.hash(try inner.expect("the mask's hash"))
                        return function == Self.mgf1 ? hash : nil
                    }
                }
                let salt = try DER.optionalExplicitlyTagged(&fields, tagNumber: 2, tagClass: .contextSpecific) {
                    try Int(derEncoded: $0)
                }
                _ = try DER.optionalExplicitlyTagged(&fields, tagNumber: 3, tagClass: .contextSpecific) { node in
                    guard try Int(derEncoded: node) == 1 else {
                        throw MalformedInput("X.509 certificate", "its RSASSA-PSS trailer is unknown")
                    }
                }
                return (hash, mask, salt)
            }
            guard hash == Self.sha384, mask == Self.sha384, salt == 48 else {
                return .other("RSASSA-PSS with other parameters than SHA-384 and a salt of 48")
            }
            return .pssSHA384
        }
    }

    private static func hash(_ node: ASN1Node) throws -> ASN1ObjectIdentifier {
        try DER.sequence(node, identifier: .sequence) { parts in
            let identifier = try ASN1ObjectIdentifier(derEncoded: &parts)
            _ = parts.next()  // NULL or absent: both are written
            return identifier
        }
    }

    private static let rsassaPSS: ASN1ObjectIdentifier = [1, 2, 840, 113549, 1, 1, 10]
    private static let mgf1: ASN1ObjectIdentifier = [1, 2, 840, 113549, 1, 1, 8]
    private static let sha384: ASN1ObjectIdentifier = [2, 16, 840, 1, 101, 3, 4, 2, 2]
}

extension ASN1NodeCollection.Iterator {
    fileprivate mutating func expect(_ what: String) throws -> ASN1Node {
        guard let node = next() else { throw MalformedInput("X.509 certificate", "\(what) is missing") }
        return node
    }
}
