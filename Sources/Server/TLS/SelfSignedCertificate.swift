import Administration
import Crypto
import Evidence
public import Foundation
import NIOCore
import SwiftASN1
import X509

/// A certificate that vouches for itself, with a new P-256 key: for trials, and for guests that pin it.
public struct SelfSignedCertificate: Sendable {
    public let certificatePEM: String
    private let keyPEM: String
    /// SHA-256 of the certificate's DER.
    public let certificatePin: [UInt8]
    /// SHA-256 of the SubjectPublicKeyInfo's DER (RFC 7469): outlives a renewal with the same key.
    public let keyPin: [UInt8]

    /// Makes one that is valid from now on, less an hour for clocks that are slow.
    ///
    /// - Parameters:
    ///   - names: DNS names and IP addresses; at least one.
    ///   - days: 1 to 3650.
    /// - Throws: ``InvalidSetting`` for a name that is neither.
    public init(names: [String], days: Int, now: Date = Date()) throws {
        guard let first = names.first else {
            throw InvalidSetting("a certificate needs a name: --name kbs.example.org")
        }
        guard (1...3_650).contains(days) else { throw InvalidSetting("days should be 1 to 3650") }
        let alternatives = try names.map(Self.generalName)
        let key = P256.Signing.PrivateKey()
        let name = try DistinguishedName { CommonName(String(first.prefix(64))) }
        let certificate = try Certificate(
            version: .v3, serialNumber: Certificate.SerialNumber(), publicKey: .init(key.publicKey),
            notValidBefore: now.addingTimeInterval(-3_600),
            notValidAfter: now.addingTimeInterval(Double(days) * 86_400), issuer: name, subject: name,
            signatureAlgorithm: .ecdsaWithSHA256,
            extensions: try Certificate.Extensions {
                // No key usage: with one, verifiers want one for signing certificates too, since it signed itself.
                Critical(BasicConstraints.notCertificateAuthority)
                try ExtendedKeyUsage([.serverAuth])
                SubjectAlternativeNames(alternatives)
                SubjectKeyIdentifier(hash: .init(key.publicKey))
            }, issuerPrivateKey: .init(key))
        let pem = try certificate.serializeAsPEM()
        certificatePEM = pem.pemString + "\n"
        keyPEM = key.pemRepresentation + "\n"
        certificatePin = Array(SHA256.hash(data: pem.derBytes))
        keyPin = Array(SHA256.hash(data: key.publicKey.derRepresentation))
    }

    private static func generalName(_ name: String) throws -> GeneralName {
        if let address = try? SocketAddress(ipAddress: name, port: 0).ipBytes {
            return .ipAddress(ASN1OctetString(contentBytes: address[...]))
        }
        let labels = (name.hasPrefix("*.") ? name.dropFirst(2) : name[...])
            .split(separator: ".", omittingEmptySubsequences: false)
        let isName = labels.allSatisfy { label in
            (1...63).contains(label.utf8.count) && label.first != "-" && label.last != "-"
                && label.utf8.allSatisfy { byte in
                    switch byte {
                    case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
                        UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "-"):
                        true
                    default: false
                    }
                }
        }
        guard isName, name.utf8.count <= 253 else {
            throw InvalidSetting("\"\(name)\" is neither a DNS name nor an IP address")
        }
        return .dnsName(name)
    }

    /// Writes `tls.crt` and `tls.key`, which only its owner can read.
    ///
    /// - Throws: ``InvalidSetting`` when one is there and is not to be replaced.
    public func write(to folder: URL, overwriting: Bool) throws -> (certificate: URL, key: URL) {
        let files = (certificate: folder.appending(path: "tls.crt"), key: folder.appending(path: "tls.key"))
        if !overwriting {
            for file in [files.certificate, files.key] {
                let path = file.path(percentEncoded: false)
                guard !FileManager.default.fileExists(atPath: path) else {
                    throw InvalidSetting("\(path) is there: --force replaces it, and guests that pin it must be told")
                }
            }
        }
        try FileManager.default.createDirectory(
            at: folder, withIntermediateDirectories: true, attributes: [.posixPermissions: 0o700])
        try Self.replace(files.key, with: keyPEM, permissions: 0o600)
        try Self.replace(files.certificate, with: certificatePEM, permissions: 0o644)
        return files
    }

    /// The file appears whole, and with its permissions from the first byte on.
    private static func replace(_ file: URL, with text: String, permissions: Int) throws {
        let draft = file.appendingPathExtension("draft")
        let path = draft.path(percentEncoded: false)
        try? FileManager.default.removeItem(at: draft)
        guard
            FileManager.default.createFile(
                atPath: path, contents: nil, attributes: [.posixPermissions: permissions])
        else { throw InvalidSetting("\(path) cannot be made") }
        let handle = try FileHandle(forWritingTo: draft)
        try handle.write(contentsOf: Data(text.utf8))
        try handle.close()
        guard rename(path, file.path(percentEncoded: false)) == 0 else {
            throw InvalidSetting("\(file.path(percentEncoded: false)) cannot be written")
        }
    }
}
