public import Broker
public import Bytes
public import Evidence
import Formats

// From wire types to domain types: each step is one initialiser that throws a Refusal.

extension Registration {
    /// - Parameter json: the body of `POST /register_workload`.
    /// - Throws: a ``Refusal`` that names the field.
    public init(virteeJSON json: consuming [UInt8]) throws {
        try self.init(reading(json, isSecret: true) { json throws(MalformedInput) in try RegistrationMessage(json) })
    }

    /// A registration from its fields, as `POST /register_workload` has them.
    ///
    /// - Throws: a ``Refusal`` that names the field.
    public init(workloadID: String, launchMeasurement: String, teeConfig: String, secret: Secret) throws {
        try self.init(
            id: WorkloadID(workloadID), launch: Launch(measurement: launchMeasurement, configuration: teeConfig),
            configuration: teeConfig, secret: secret)
    }

    private init(_ message: RegistrationMessage) throws {
        try self.init(
            workloadID: message.workloadID, launchMeasurement: message.launchMeasurement,
            teeConfig: message.teeConfig, secret: message.passphrase)
    }
}

extension Launch {
    /// The measurement's length decides the technology, and the configuration the policy. A configuration that is not a
    /// JSON object, or has neither `flags` nor `minfw`, states no policy: `unstated`. An unreadable `flags` or `minfw`
    /// is refused, so that no restriction is dropped silently.
    init(measurement text: String, configuration: String) throws(Refusal) {
        guard let measurement = Hex.decode(text), [32, 48].contains(measurement.count) else {
            throw Refusal(
                .invalidField,
                text.isEmpty
                    ? "launch_measurement is empty: measure the image (krunfw_measure, sevctl) and register again."
                    : "launch_measurement must have 96 hex digits for SEV-SNP, or 64 for SEV and SEV-ES.")
        }
        let stated: ConfigurationMessage?
        do { stated = try ConfigurationMessage(stated: configuration) } catch {
            throw Refusal(
                .invalidField, "tee_config restricts the guest's policy in a form that cannot be read. \(error).")
        }
        if measurement.count == 48 {
            self = .snp(
                measurement: measurement,
                policy: try stated.map { message throws(Refusal) in try GuestPolicy(message) } ?? .unstated)
        } else {
            self = .sev(digest: measurement, policy: stated.map(SEVLaunchPolicy.init) ?? .unstated)
        }
    }
}

extension GuestPolicy {
    /// The flags are bits 16 and up of the policy; the firmware's version is its ABI floor.
    fileprivate init(_ message: ConfigurationMessage) throws(Refusal) {
        let floor = UInt64(message.minimumFirmware.major) << 8 | UInt64(message.minimumFirmware.minor)
        self = GuestPolicy(rawValue: UInt64(message.flags) << 16 | floor).union(.reservedOne)
        guard isWellFormed else {
            throw Refusal(
                .invalidField,
                "tee_config has flags.bits \(message.flags), of which those above 1023 are not known here: register it "
                    + "without them, or update this server.")
        }
    }
}

extension SEVLaunchPolicy {
    fileprivate init(_ message: ConfigurationMessage) {
        self.init(
            flags: Flags(rawValue: message.flags), minimumFirmware: message.minimumFirmware)
    }
}

extension ChallengeRequest {
    /// - Parameter json: the body of `POST /auth`.
    /// - Throws: a ``Refusal`` that names the field.
    public init(virteeJSON json: [UInt8]) throws { self = try RequestMessage(body: json).request() }
}

extension RequestMessage {
    init(body: [UInt8]) throws(Refusal) {
        self = try reading(body) { json throws(MalformedInput) in try RequestMessage(json) }
    }

    /// The request for a challenge.
    func request() throws -> ChallengeRequest {
        let workload = try WorkloadID(parameters.workloadID)
        switch (tee, parameters.chain) {
        case ("snp", _), (nil, nil):
            return .workload(workload, .snp)
        case ("sev", let chain?), (nil, let chain?):
            guard let build = parameters.build else {
                throw Refusal(.malformed, "extra-params has a chain but no build: send the firmware's version.")
            }
            return .sev(
                workload,
                build: SEVFirmwareBuild(major: build.version.major, minor: build.version.minor, build: build.build),
                chain: try SEVCertificateChain(chain))
        case ("sev", nil):
            throw Refusal(.malformed, "extra-params has no certificate chain, which SEV needs.")
        default:
            throw Refusal(.malformed, "tee must be \"snp\" or \"sev\".")
        }
    }
}

extension SEVCertificateChain {
    fileprivate init(_ message: RequestMessage.Parameters.Chain) throws(Refusal) {
        do {
            self.init(
                ark: try SEVCACertificate(bytes: Self.withoutPadding(message.ark)),
                ask: try SEVCACertificate(bytes: Self.withoutPadding(message.ask)),
                cek: try SEVCertificate(bytes: message.cek),
                oca: try SEVCertificate(bytes: message.oca),
                pek: try SEVCertificate(bytes: message.pek),
                pdh: try SEVCertificate(bytes: message.pdh))
        } catch {
            throw Refusal(.malformed, "The certificate chain cannot be read. \(error).")
        }
    }

    /// Removes padding: clients send the certificate of a 2,048-bit authority (Naples), 832 bytes, with the length of a
    /// 4,096-bit one; the rest is uninitialised memory of theirs.
    private static func withoutPadding(_ certificate: [UInt8]) -> [UInt8] {
        let size2048: [UInt8] = [0, 8, 0, 0]
        guard certificate.count == 1_600, certificate[56..<60].elementsEqual(size2048),
            certificate[60..<64].elementsEqual(size2048)
        else { return certificate }
        return Array(certificate.prefix(832))
    }
}

/// The body of `POST /attest`.
public struct VirteeAnswer: Sendable {
    /// The evidence.
    public enum Proof: Sendable {
        case snp(SNPEvidence, GuestKey)
        /// The output of LAUNCH_MEASURE: the measurement, 32 bytes, and the firmware's nonce, 16 bytes.
        case sev(measurement: [UInt8], nonce: [UInt8])
    }

    public let proof: Proof

    /// - Parameter json: the body.
    /// - Throws: a ``Refusal`` that names the field.
    public init(json: [UInt8]) throws {
        let message = try reading(json) { json throws(MalformedInput) in try AttestationMessage(json) }
        switch message.evidence {
        case .snp(let report, let certificates, let generation):
            guard let bytes = Hex.decode(report), let report = try? AttestationReport(bytes: bytes) else {
                throw Refusal(.malformed, "report must be \(AttestationReport.size * 2) hex digits.")
            }
            guard let modulus = message.key?.modulus, let exponent = message.key?.exponent else {
                throw Refusal(.malformed, "tee-pubkey must have k-mod and k-exp (or n and e).")
            }
            var product: Product?
            if let generation {
                product = Product(name: generation)
                guard product != nil else {
                    throw Refusal(.malformed, "gen must be milan, genoa or turin: correct the guest's configuration.")
                }
            }
            proof = .snp(
                SNPEvidence(report, sent: certificates.map(\.bytes), generation: product),
                try GuestKey(modulus: modulus, exponent: exponent))
        case .sev(let measurement, let nonce):
            guard measurement.count == 32, nonce.count == 16 else {
                throw Refusal(.malformed, "measure must have 32 bytes and mnonce 16.")
            }
            proof = .sev(measurement: measurement, nonce: nonce)
        }
    }
}

extension CertificateText {
    fileprivate var bytes: [UInt8] {
        switch self {
        case .bytes(let bytes): bytes
        case .text(let text): Hex.decode(text) ?? Base64.decode(text) ?? Array(text.utf8)
        }
    }
}

/// Decodes a body. The error names the field and repeats none of the body, which may hold a secret.
private func reading<Message>(
    _ body: consuming [UInt8], isSecret: Bool = false, _ read: (JSON) throws(MalformedInput) -> Message
) throws(Refusal) -> Message {
    let json: JSON
    do { json = isSecret ? try JSON(wiping: &body) : try JSON(body) } catch {
        throw Refusal(.malformed, "The body is not JSON that can be used: \(error.reason).")
    }
    do { return try read(json) } catch { throw Refusal(.malformed, "The field \(error.subject) \(error.reason).") }
}
