import Appraisal
import Bytes
public import Evidence
public import Foundation
public import TestSupport

/// Real evidence.
extension Vectors {
    /// One entry of the manifest's `snp`.
    public struct SNP: Decodable, Sendable {
        public let id: String
        public let report: String
        public let vek: String
        public let product: String
        public let policy: String
        public let vmpl: UInt32
        public let measurement: String
        public let verify_at: String?
    }

    public static func snp() throws -> [SNP] {
        struct Manifest: Decodable { let snp: [SNP] }
        return try JSONDecoder().decode(Manifest.self, from: Data(bytes("vectors/manifest.json"))).snp
    }

    public static func snp(_ id: String) throws -> SNP {
        guard let vector = try snp().first(where: { $0.id == id }) else { throw CocoaError(.fileNoSuchFile) }
        return vector
    }

    /// AMD's ARK, ASK and ASVK of a product.
    public static func authorities(_ product: String) throws -> [Certificate] {
        try ["ark", "ask", "asvk"].flatMap {
            try Certificate.read(file: bytes("trust/amd/\(product.lowercased())/\($0).pem"))
        }
    }

    /// The chain in trust/amd and vectors/sev.
    public static func naples() throws -> SEVCertificateChain {
        SEVCertificateChain(
            ark: try SEVCACertificate(bytes: bytes("trust/amd/naples/sev-ark.cert")),
            ask: try SEVCACertificate(bytes: bytes("trust/amd/naples/sev-ask.cert")),
            cek: try SEVCertificate(bytes: bytes("vectors/sev/naples/cek.cert")),
            oca: try SEVCertificate(bytes: bytes("vectors/sev/naples/oca.cert")),
            pek: try SEVCertificate(bytes: bytes("vectors/sev/naples/pek.cert")),
            pdh: try SEVCertificate(bytes: bytes("vectors/sev/naples/pdh.cert")))
    }
}

extension Vectors.SNP {
    public func attestationReport() throws -> AttestationReport {
        try AttestationReport(bytes: Vectors.bytes("vectors/\(report)"))
    }

    public func chain() throws -> AppraisedChain {
        let key = try EndorsementKey(Certificate(der: Vectors.bytes("vectors/\(vek)")))
        guard let chain = SNPAnchors.amd.chains(of: [key], among: try Vectors.authorities(product)).first else {
            throw CocoaError(.fileNoSuchFile)
        }
        return chain
    }

    /// When its certificate is valid.
    public var time: Date {
        get throws { try Date(verify_at ?? "2025-06-01T00:00:00Z", strategy: .iso8601) }
    }

    /// What a workload that this guest belongs to would be registered as.
    public func expectations() throws -> SNPExpectations {
        var expected = SNPExpectations(measurement: Hex.decode(measurement), reportData: nil)
        expected.policy = GuestPolicy(rawValue: UInt64(policy.dropFirst(2), radix: 16) ?? 0)
        expected.server.vmpl = UInt64(vmpl)
        return expected
    }
}
