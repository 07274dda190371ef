public import Broker
import Evidence
public import Foundation

// From the wire to the domain: each step is one initialiser that throws a Refusal.

extension Registration {
    /// - Parameter json: the body of `POST /register_workload`.
    /// - Throws: a ``Refusal`` that names the field.
    public init(virteeJSON json: Data) throws {
        try self.init(RegistrationMessage(json: json))
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
            teeConfig: message.teeConfig, secret: Secret(Array(message.passphrase.utf8)))
    }
}

extension Launch {
    /// The technology follows from the measurement's length, and the policy from the configuration.
    /// One that says nothing usable counts as none: `unstated`.
    init(measurement text: String, configuration: String) throws(Refusal) {
        guard let measurement = Hex.decode(text), [32, 48].contains(measurement.count) else {
            throw Refusal(
                .invalidField,
                text.isEmpty
                    ? "launch_measurement is empty: measure the image (krunfw_measure, sevctl) and register again."
                    : "launch_measurement must have 96 hex digits for SEV-SNP, or 64 for SEV and SEV-ES.")
        }
        let stated: ConfigurationMessage? = try? decodeMessage(Data(configuration.utf8))
        if measurement.count == 48 {
            self = .snp(measurement: measurement, policy: stated.map(GuestPolicy.init) ?? .unstated)
        } else {
            self = .sev(digest: measurement, policy: stated.map(SEVLaunchPolicy.init) ?? .unstated)
        }
    }
}

extension GuestPolicy {
    /// The flags are bits 16 and up of the policy; the firmware's version is its ABI floor.
    fileprivate init(_ message: ConfigurationMessage) {
        let flags = GuestPolicy(rawValue: UInt64(message.flags.bits) << 16 & 0x3FF_0000)
        let floor = UInt64(message.minfw.major) << 8 | UInt64(message.minfw.minor)
        self = flags.union(.reservedOne).union(GuestPolicy(rawValue: floor))
    }
}

extension SEVLaunchPolicy {
    fileprivate init(_ message: ConfigurationMessage) {
        self.init(
            flags: Flags(rawValue: message.flags.bits),
            minimumFirmware: (message.minfw.major, message.minfw.minor))
    }
}

extension RegistrationMessage {
    init(json: Data) throws(Refusal) { self = try decodeMessage(json) }
}

extension ChallengeRequest {
    /// - Parameter json: the body of `POST /auth`.
    /// - Throws: a ``Refusal`` that names the field.
    public init(virteeJSON json: Data) throws { self = try RequestMessage(json: json).request() }
}

extension RequestMessage {
    init(json: Data) throws(Refusal) { self = try decodeMessage(json) }

    /// What is asked for.
    func request() throws -> ChallengeRequest {
        let workload = try WorkloadID(parameters.workloadID)
        switch (tee, parameters.chain) {
        case ("snp", _), (nil, nil):
            return ChallengeRequest(workload: workload, platform: .snp)
        case ("sev", let chain?), (nil, let chain?):
            guard let build = parameters.build else {
                throw Refusal(.malformed, "extra-params has a chain but no build: send the firmware's version.")
            }
            return ChallengeRequest(
                workload: workload,
                platform: .sev(
                    build: SEVFirmwareBuild(
                        major: build.version.major, minor: build.version.minor, build: build.build),
                    chain: try SEVCertificateChain(chain)))
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
                ark: try SEVCACertificate(bytes: message.ca.ark.bytes),
                ask: try SEVCACertificate(bytes: message.ca.ask.bytes),
                cek: try SEVCertificate(bytes: message.sev.cek.bytes),
                oca: try SEVCertificate(bytes: message.sev.oca.bytes),
                pek: try SEVCertificate(bytes: message.sev.pek.bytes),
                pdh: try SEVCertificate(bytes: message.sev.pdh.bytes))
        } catch {
            throw Refusal(.malformed, "The certificate chain cannot be read. \(error).")
        }
    }
}

extension Answer {
    /// - Parameter json: the body of `POST /attest`.
    /// - Throws: a ``Refusal`` that names the field.
    public init(virteeJSON json: Data) throws {
        let message: AttestationMessage = try decodeMessage(json)
        switch message.evidence.value {
        case .snp(let report, let certificates, let generation):
            self = .snp(try SNPAnswer(report, certificates, generation, key: message.key))
        case .sev(let measurement, let nonce):
            guard measurement.count == 32, nonce.count == 16 else {
                throw Refusal(.malformed, "measure must have 32 bytes and mnonce 16.")
            }
            self = .sev(measurement: measurement, nonce: nonce)
        }
    }
}

extension SNPAnswer {
    fileprivate init(
        _ report: String, _ table: [CertificateText], _ generation: String?, key: AttestationMessage.Key?
    ) throws {
        guard let bytes = Hex.decode(report), let report = try? AttestationReport(bytes: bytes) else {
            throw Refusal(.malformed, "report must be \(AttestationReport.size * 2) hex digits.")
        }
        guard let modulus = key?.modulus, let exponent = key?.exponent else {
            throw Refusal(.malformed, "tee-pubkey must have k-mod and k-exp (or n and e).")
        }
        var product: Product?
        if let generation {
            product = Product(name: generation)
            guard product != nil else {
                throw Refusal(.malformed, "gen must be milan, genoa or turin: correct the guest's configuration.")
            }
        }
        self.init(
            report: report, certificates: table.prefix(CertificateText.most).flatMap(\.certificates),
            generation: product, key: try GuestKey(modulus: modulus, exponent: exponent))
    }
}

extension CertificateText {
    /// An honest table has a handful of entries.
    fileprivate static let most = 16

    /// The certificates in it. What cannot be read proves nothing, and a host's table holds other things too.
    fileprivate var certificates: [Certificate] {
        let bytes: [UInt8] =
            switch content {
            case .bytes(let bytes): bytes
            case .text(let text): Hex.decode(text) ?? Data(base64Encoded: text).map(Array.init) ?? Array(text.utf8)
            }
        return (try? Certificate.read(file: bytes)) ?? []
    }
}

/// Reads JSON, and says where it is wrong without repeating any of it: it may hold a secret.
private func decodeMessage<Message: Decodable>(_ json: Data) throws(Refusal) -> Message {
    do { try CombiningMarks.check(json) } catch {
        throw Refusal(.malformed, "The body is not text that can be used: \(error.reason).")
    }
    do {
        return try JSONDecoder().decode(Message.self, from: json)
    } catch DecodingError.keyNotFound(let key, let context) {
        throw Refusal(.malformed, "The field \(path(context.codingPath + [key])) is missing.")
    } catch DecodingError.typeMismatch(_, let context), DecodingError.valueNotFound(_, let context) {
        throw Refusal(.malformed, "The field \(path(context.codingPath)) has a value of the wrong type.")
    } catch DecodingError.dataCorrupted(let context) where !context.codingPath.isEmpty {
        throw Refusal(.malformed, "The field \(path(context.codingPath)) has a value that cannot be read.")
    } catch {
        throw Refusal(.malformed, "The body is not JSON in UTF-8.")
    }
}

private func path(_ keys: [any CodingKey]) -> String {
    keys.isEmpty ? "at the top" : keys.map { $0.intValue.map(String.init) ?? $0.stringValue }.joined(separator: ".")
}
