public import Evidence
public import FoundationEssentials

/// A certificate in the cache.
public struct KeptCertificate: Sendable, Hashable {
    /// Whose it is.
    public let name: String
    public let certificate: Certificate
    public let added: Date

    public init(name: String, certificate: Certificate, added: Date) {
        self.name = name
        self.certificate = certificate
        self.added = added
    }
}

/// An operator's view of the certificates that are kept.
public protocol CertificateInventory: Sendable {
    /// In the order of their fingerprints, hex, from the first one after `fingerprint`.
    func certificates(after fingerprint: [UInt8], limit: Int) async throws -> [KeptCertificate]
    /// - Returns: whether there was one.
    func removeCertificate(_ fingerprint: [UInt8], recording record: AuditRecord) async throws -> Bool
}
