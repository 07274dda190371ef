import COpenSSL
import Crypto
import Formats
public import FoundationEssentials
import Glibc

/// The contents of a certificate to be signed: for `kbs tls self-signed`, and for the authorities of tests.
public struct CertificateTemplate: Sendable {
    /// Truncated to 64 characters, X.520's limit.
    public var commonName: String
    public var names: [AlternativeName] = []
    public var notBefore: Date
    public var notAfter: Date
    /// Whether its key signs certificates.
    public var isAuthority = false
    /// Empty for every use.
    public var usages: [ExtendedKeyUsage] = []

    public init(_ commonName: String, from notBefore: Date, until notAfter: Date) {
        (self.commonName, self.notBefore, self.notAfter) = (commonName, notBefore, notAfter)
    }

    public func selfSigned(by key: PrivateKey) throws(CertificateError) -> X509Certificate {
        try signed(for: key, issuer: nil, by: key)
    }

    /// - Parameter key: the certificate's key.
    public func issued(
        for key: PrivateKey, by issuer: X509Certificate, _ issuerKey: PrivateKey
    ) throws(CertificateError) -> X509Certificate {
        try signed(for: key, issuer: issuer, by: issuerKey)
    }

    private func signed(
        for key: PrivateKey, issuer: X509Certificate?, by signer: PrivateKey
    ) throws(CertificateError) -> X509Certificate {
        guard let certificate = X509_new() else {
            throw CertificateError(afterCall: "there is no memory for a certificate")
        }
        defer { X509_free(certificate) }
        let name = X509_get_subject_name(certificate)
        let commonName = Array(commonName.prefix(64).utf8)
        let isFilled =
            X509_set_version(certificate, Int(X509_VERSION_3)) == 1 && setSerialNumber(of: certificate)
            && setTime(X509_getm_notBefore(certificate), notBefore)
            && setTime(X509_getm_notAfter(certificate), notAfter)
            && X509_NAME_add_entry_by_NID(
                name, NID_commonName, MBSTRING_UTF8, commonName, Int32(commonName.count), -1, 0) == 1
            && (issuer.map { $0.withPointer { X509_set_issuer_name(certificate, X509_get_subject_name($0)) } }
                ?? X509_set_issuer_name(certificate, name)) == 1
            && key.withPointer { X509_set_pubkey(certificate, $0) } == 1
        guard isFilled else { throw CertificateError(afterCall: "the certificate cannot be made") }
        for (nid, isCritical, contents) in extensions(key) {
            guard Self.add(nid, isCritical, contents, to: certificate) else {
                throw CertificateError(afterCall: "the certificate's extensions cannot be made")
            }
        }
        let isSigned = signer.withPointer { key in
            // Ed25519 includes its digest.
            let digest = EVP_PKEY_get_base_id(key) == EVP_PKEY_ED25519 ? nil : EVP_sha256()
            return X509_sign(certificate, key, digest) > 0
        }
        guard isSigned, let made = X509Certificate(sharing: certificate) else {
            throw CertificateError(afterCall: "the certificate cannot be signed")
        }
        return made
    }

    /// Random, of 20 bytes: the first bit is 0 for a positive number, the second 1 for its length.
    private func setSerialNumber(of certificate: OpaquePointer) -> Bool {
        var bytes = [UInt8](repeating: 0, count: 20)
        guard RAND_bytes(&bytes, 20) == 1 else { return false }
        bytes[0] = bytes[0] & 0x7F | 0x40
        guard let number = BN_bin2bn(bytes, 20, nil) else { return false }
        defer { BN_free(number) }
        return BN_to_ASN1_INTEGER(number, X509_get_serialNumber(certificate)) != nil
    }

    private func setTime(_ time: UnsafeMutablePointer<ASN1_TIME>?, _ date: Date) -> Bool {
        // Up to the year 9999, the format's limit.
        let seconds = min(max(date.timeIntervalSince1970.rounded(.down), 0), 253_402_300_799)
        return ASN1_TIME_set(time, Int(seconds)) != nil
    }

    private func extensions(_ key: PrivateKey) -> [(nid: Int32, isCritical: Bool, contents: [UInt8])] {
        var list: [(Int32, Bool, [UInt8])] = []
        func add(_ nid: Int32, critical: Bool = false, _ body: (inout DERWriter) -> Void) {
            var writer = DERWriter()
            body(&writer)
            list.append((nid, critical, writer.bytes))
        }
        add(NID_basic_constraints, critical: true) { $0.sequence { if isAuthority { $0.boolean(true) } } }
        // Only for authorities: with a key usage, verifiers require certificate signing of a self-signed certificate.
        if isAuthority { add(NID_key_usage, critical: true) { $0.bitString([0b0000_0110], unusedBits: 1) } }
        if !usages.isEmpty {
            add(NID_ext_key_usage) { writer in
                writer.sequence { for usage in usages { $0.objectIdentifier(usage.identifier) } }
            }
        }
        if !names.isEmpty {
            add(NID_subject_alt_name) { writer in writer.sequence { for name in names { name.write(to: &$0) } } }
        }
        // RFC 7093, section 2, method 1: no SHA-1.
        add(NID_subject_key_identifier) {
            $0.octetString(Array(Array(SHA256.hash(data: key.publicKeyInfo)).prefix(20)))
        }
        return list
    }

    private static func add(_ nid: Int32, _ isCritical: Bool, _ contents: [UInt8], to certificate: OpaquePointer)
        -> Bool
    {
        guard let value = ASN1_OCTET_STRING_new() else { return false }
        defer { ASN1_OCTET_STRING_free(value) }
        guard ASN1_OCTET_STRING_set(value, contents, Int32(contents.count)) == 1,
            let added = X509_EXTENSION_create_by_NID(nil, nid, isCritical ? 1 : 0, value)
        else { return false }
        defer { X509_EXTENSION_free(added) }
        return X509_add_ext(certificate, added, -1) == 1
    }
}

extension ExtendedKeyUsage {
    fileprivate var identifier: OID {
        switch self {
        case .servers: [1, 3, 6, 1, 5, 5, 7, 3, 1]
        case .clients: [1, 3, 6, 1, 5, 5, 7, 3, 2]
        }
    }
}

extension AlternativeName {
    fileprivate func write(to writer: inout DERWriter) {
        switch self {
        case .email(let text): writer.primitive(.primitive(1), Array(text.utf8))
        case .dns(let text): writer.primitive(.primitive(2), Array(text.utf8))
        case .uri(let text): writer.primitive(.primitive(6), Array(text.utf8))
        case .address(let bytes): writer.primitive(.primitive(7), bytes)
        case .other: break
        }
    }
}
