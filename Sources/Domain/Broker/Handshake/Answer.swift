public import Bytes
public import Evidence

/// A guest's answer to a challenge. A dialect decodes it and computes the report data that the evidence must be bound
/// to; the broker compares.
public struct Answer: Sendable {
    public enum Proof: Sendable {
        case evidence(any Attestation)
        /// LAUNCH_MEASURE's result: the measurement, 32 bytes, and the firmware's nonce, 16 bytes.
        case sev(measurement: [UInt8], nonce: [UInt8])
    }

    /// Init data sent with the evidence.
    public struct InitData: Sendable, Hashable {
        /// The digest that HOST_DATA must hold, 32 bytes.
        public let digest: [UInt8]
        /// The digest in full length, before it is truncated to HOST_DATA's size.
        public let wholeDigest: [UInt8]
        public let claims: [ExactText: ExactText]

        /// - Parameter wholeDigest: `nil` when the digest fits HOST_DATA.
        public init(digest: [UInt8], wholeDigest: [UInt8]? = nil, claims: [ExactText: ExactText]) {
            self.digest = digest
            self.wholeDigest = wholeDigest ?? digest
            self.claims = claims
        }
    }

    public let proof: Proof
    /// The report data that the evidence must hold, 64 bytes: the dialect's binding of challenge, key and other
    /// evidence.
    public let reportData: [UInt8]
    /// The guest's public key, to which its secrets are encrypted, in the dialect's own form.
    public let key: String
    public let initData: InitData?
    public let devices: [SampleDevice]

    public init(
        _ evidence: any Attestation, boundTo reportData: [UInt8], key: String, initData: InitData? = nil,
        devices: [SampleDevice] = []
    ) {
        (proof, self.reportData, self.key) = (.evidence(evidence), reportData, key)
        (self.initData, self.devices) = (initData, devices)
    }

    /// The answer of an SEV guest, whose secret is encrypted to its platform's processor.
    public init(sevMeasurement measurement: [UInt8], nonce: [UInt8]) {
        (proof, reportData, key, initData, devices) = (.sev(measurement: measurement, nonce: nonce), [], "", nil, [])
    }

    var tee: TEE {
        switch proof {
        case .evidence(let evidence): .evidence(evidence.tee)
        case .sev: .sev
        }
    }
}
