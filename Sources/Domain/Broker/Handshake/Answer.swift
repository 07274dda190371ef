public import Bytes
public import Evidence

/// What a challenge is answered with. A dialect decodes it and computes what it must be bound to; the broker holds it against
/// that.
public struct Answer: Sendable {
    public enum Proof: Sendable {
        case evidence(any Attestation)
        /// What LAUNCH_MEASURE returned: the measurement, 32 bytes, and the firmware's nonce, 16 bytes.
        case sev(measurement: [UInt8], nonce: [UInt8])
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

    public let proof: Proof
    /// What the evidence's report data must be, 64 bytes: the dialect's binding of challenge, key and other evidence.
    public let reportData: [UInt8]
    /// The guest's public key, which its secrets are encrypted to, as the dialect writes it and reads it again.
    public let key: String
    public let initData: InitData?
    public let devices: [SampleDevice]

    public init(
        _ evidence: any Attestation, boundTo reportData: [UInt8], key: String, initData: InitData? = nil,
        devices: [SampleDevice] = []
    ) {
        self.init(.evidence(evidence), reportData, key, initData, devices)
    }

    /// Of an SEV guest, whose secret goes to its platform's processor.
    public init(sevMeasurement measurement: [UInt8], nonce: [UInt8]) {
        self.init(.sev(measurement: measurement, nonce: nonce), [], "", nil, [])
    }

    private init(
        _ proof: Proof, _ reportData: [UInt8], _ key: String, _ initData: InitData?, _ devices: [SampleDevice]
    ) {
        self.proof = proof
        self.reportData = reportData
        self.key = key
        self.initData = initData
        self.devices = devices
    }

    var tee: TEE {
        switch proof {
        case .evidence(let evidence): .evidence(evidence.tee)
        case .sev: .sev
        }
    }
}
