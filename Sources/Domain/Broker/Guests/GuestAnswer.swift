public import Bytes
public import Evidence

/// A guest's evidence, and what it says that the evidence is bound to. A dialect decodes it and computes the binding;
/// the broker holds the evidence against it.
public struct GuestAnswer: Sendable {
    public enum Proof: Sendable {
        /// - Parameter certificates: those that came along.
        case snp(AttestationReport, certificates: OfferedCertificates)
        /// - Parameters:
        ///   - reportData: what it says that it is bound to; zeros at its end may be missing.
        ///   - svn: as the guest wrote it.
        case sample(reportData: [UInt8], svn: String)

        var tee: GuestTEE {
            switch self {
            case .snp: .snp
            case .sample: .sample
            }
        }
    }

    /// Init data that came with the evidence.
    public struct InitData: Sendable, Hashable {
        /// What HOST_DATA must be, 32 bytes.
        public let digest: [UInt8]
        /// The same, not cut to what HOST_DATA holds.
        public let wholeDigest: [UInt8]
        public let claims: [ExactText: ExactText]

        /// - Parameter wholeDigest: `nil` where it is no longer than HOST_DATA.
        public init(digest: [UInt8], wholeDigest: [UInt8]? = nil, claims: [ExactText: ExactText]) {
            self.digest = digest
            self.wholeDigest = wholeDigest ?? digest
            self.claims = claims
        }
    }

    /// Evidence of a device behind which there is no hardware.
    public struct SampleDevice: Sendable, Hashable {
        public let svn: String
        /// What it says that it is bound to; zeros at its end may be missing.
        public let reportData: [UInt8]
        /// What it must be, 64 bytes.
        public let expected: [UInt8]

        public init(svn: String, reportData: [UInt8], expected: [UInt8]) {
            (self.svn, self.reportData, self.expected) = (svn, reportData, expected)
        }
    }

    public let proof: Proof
    /// As the guest says it was challenged: 32 bytes.
    public let nonce: [UInt8]
    /// What the report's data must be, 64 bytes: the dialect's binding of nonce, key and other evidence.
    public let reportData: [UInt8]
    /// The guest's public key, which its secrets are encrypted to: a JWK in canonical JSON.
    public let key: String
    public let initData: InitData?
    public let devices: [SampleDevice]

    public init(
        proof: Proof, nonce: [UInt8], reportData: [UInt8], key: String, initData: InitData?,
        devices: [SampleDevice] = []
    ) {
        self.proof = proof
        self.nonce = nonce
        self.reportData = reportData
        self.key = key
        self.initData = initData
        self.devices = devices
    }
}
