import Bytes
import COpenSSL
import Crypto
import Formats
public import FoundationEssentials
import Glibc

/// A certificate for TLS.
///
/// Hardware vendors' certificates are read by Evidence, which is stricter in some points and must be laxer in others.
public struct X509Certificate: Sendable {
    public let der: [UInt8]
    private let object: CertificateObject

    /// - Throws: ``CertificateError`` unless the bytes are exactly one certificate.
    public init(der: [UInt8]) throws(CertificateError) {
        let decoded = der.withUnsafeBufferPointer { bytes -> OpaquePointer? in
            var position = bytes.baseAddress
            guard let certificate = d2i_X509(nil, &position, bytes.count) else { return nil }
            guard position == bytes.baseAddress.map({ $0 + bytes.count }) else {
                X509_free(certificate)
                return nil
            }
            return certificate
        }
        guard let decoded else { throw CertificateError(afterCall: "it is not a certificate, or is truncated") }
        (object, self.der) = (CertificateObject(owning: decoded), der)
    }

    /// Shares libssl's certificate.
    ///
    /// - Parameter pointer: of type X509; retained.
    package init?(sharing pointer: OpaquePointer) {
        guard X509_up_ref(pointer) == 1 else { return nil }
        object = CertificateObject(owning: pointer)
        guard let der = encoded({ i2d_X509(pointer, &$0) }) else { return nil }
        self.der = der
    }

    /// Calls `body` with libcrypto's certificate (X509).
    package func withPointer<Result>(_ body: (OpaquePointer) -> Result) -> Result {
        withExtendedLifetime(object) { body(object.pointer) }
    }

    /// SHA-256 of the certificate.
    public var fingerprint: [UInt8] { Array(SHA256.hash(data: der)) }

    /// SHA-256 of the SubjectPublicKeyInfo (RFC 7469), which a renewal with the same key keeps.
    public var keyPin: [UInt8] { Array(SHA256.hash(data: publicKeyInfo)) }

    /// The SubjectPublicKeyInfo.
    public var publicKeyInfo: [UInt8] {
        withPointer { certificate in encoded { i2d_X509_PUBKEY(X509_get_X509_PUBKEY(certificate), &$0) } } ?? []
    }

    /// The first second of its validity.
    public var notBefore: Date { withPointer { Self.date(X509_get0_notBefore($0)) } ?? .distantFuture }

    /// The last second of its validity.
    public var notAfter: Date { withPointer { Self.date(X509_get0_notAfter($0)) } ?? .distantPast }

    private static func date(_ time: UnsafePointer<ASN1_TIME>?) -> Date? {
        var parts = tm()
        guard let time, ASN1_TIME_to_tm(time, &parts) == 1 else {
            ERR_clear_error()
            return nil
        }
        return Date(timeIntervalSince1970: Double(timegm(&parts)))
    }

    /// Bytes in hex, two digits each, separated by colons.
    public var serialNumber: String {
        let bytes = withPointer { certificate -> [UInt8] in
            guard let number = X509_get0_serialNumber(certificate), let start = number.pointee.data else { return [] }
            return Array(UnsafeBufferPointer(start: start, count: Int(number.pointee.length)))
        }
        return bytes.map { Hex.encode([$0]) }.joined(separator: ":")
    }

    public var subject: DistinguishedName { withPointer { DistinguishedName(X509_get_subject_name($0)) } }

    public var issuer: DistinguishedName { withPointer { DistinguishedName(X509_get_issuer_name($0)) } }

    /// Whether its issuer is its subject, as for a root.
    public var isSelfIssued: Bool {
        withPointer { X509_NAME_cmp(X509_get_subject_name($0), X509_get_issuer_name($0)) == 0 }
    }

    /// Whether its key may sign certificates.
    public var isAuthority: Bool { withPointer { X509_check_ca($0) >= 1 } }

    /// Whether `issuer` has the issuer's name, and its key has signed this certificate.
    public func isSigned(by issuer: X509Certificate) -> Bool {
        withPointer { certificate in
            issuer.withPointer { issuer in
                defer { ERR_clear_error() }
                guard X509_NAME_cmp(X509_get_issuer_name(certificate), X509_get_subject_name(issuer)) == 0,
                    let key = X509_get0_pubkey(issuer)
                else { return false }
                return X509_verify(certificate, key) == 1
            }
        }
    }

    /// Whether its key usage and extended key usage allow the use.
    public func isFor(_ usage: ExtendedKeyUsage) -> Bool {
        withPointer {
            defer { ERR_clear_error() }
            return X509_check_purpose(
                $0, usage == .clients ? X509_PURPOSE_SSL_CLIENT : X509_PURPOSE_SSL_SERVER, 0) == 1
        }
    }

    /// The contents of an extension; nil without it.
    func `extension`(_ nid: Int32) -> [UInt8]? {
        withPointer { certificate in
            let index = X509_get_ext_by_NID(certificate, nid, -1)
            guard index >= 0, let found = X509_get_ext(certificate, index),
                let value = X509_EXTENSION_get_data(found), let start = value.pointee.data
            else { return nil }
            return Array(UnsafeBufferPointer(start: start, count: Int(value.pointee.length)))
        }
    }

    public var pem: String { PEMDocument(label: "CERTIFICATE", der: der).text }
}

extension X509Certificate: Hashable {
    public static func == (a: X509Certificate, b: X509Certificate) -> Bool { a.der == b.der }
    public func hash(into hasher: inout Hasher) { hasher.combine(der) }
}

extension X509Certificate: CustomStringConvertible {
    /// Its subject and serial number.
    public var description: String { "\(subject), serial \(serialNumber)" }
}

/// A use of a certificate's key.
public enum ExtendedKeyUsage: Hashable, Sendable { case servers, clients }

/// Owns libcrypto's certificate (X509), which several threads may read.
private final class CertificateObject: @unchecked Sendable {
    let pointer: OpaquePointer

    init(owning pointer: OpaquePointer) { self.pointer = pointer }

    deinit { X509_free(pointer) }
}
