import Bytes
import Formats

// The messages as on the wire, without logic. docs/virtee.md describes them.

/// A value that some clients send as an object and others as a string that holds its JSON.
struct Embedded: Sendable {
    enum Form: Sendable { case object, string }

    let value: JSON
    let form: Form

    init(_ json: JSON) throws(MalformedInput) {
        guard json.kind == .text else {
            (value, form) = (json, .object)
            return
        }
        (value, form) = (try json.embedded(), .string)
    }
}

/// `POST /register_workload`.
struct RegistrationMessage: Sendable {
    let workloadID: String
    let launchMeasurement: String
    let teeConfig: String
    let passphrase: Secret

    init(_ json: JSON) throws(MalformedInput) {
        workloadID = try json.member("workload_id").text()
        launchMeasurement = try json.member("launch_measurement").text()
        teeConfig = try json.member("tee_config").text()
        passphrase = try json.member("passphrase").secret()
    }
}

/// The policy in `tee_config`.
struct ConfigurationMessage: Sendable {
    let flags: UInt16
    let minimumFirmware: (major: UInt8, minor: UInt8)

    init(_ json: JSON) throws(MalformedInput) {
        flags = try json.member("flags").member("bits").integer()
        let firmware = try json.member("minfw")
        minimumFirmware = (try firmware.member("major").integer(), try firmware.member("minor").integer())
    }

    /// - Returns: nil if the text states no policy.
    init?(stated text: String) throws(MalformedInput) {
        guard let json = try? JSON(Array(text.utf8)), json.kind == .object,
            json["flags"] != nil || json["minfw"] != nil
        else { return nil }
        try self.init(json)
    }
}

/// `POST /auth`: parameters in an envelope (`extra-params`), or alone.
struct RequestMessage: Sendable {
    struct Parameters: Sendable {
        struct Build: Sendable {
            let version: (major: UInt8, minor: UInt8)
            let build: UInt8

            init(_ json: JSON) throws(MalformedInput) {
                let numbers = try json.member("version")
                version = (try numbers.member("major").integer(), try numbers.member("minor").integer())
                build = try json.member("build").integer()
            }
        }

        struct Chain: Sendable {
            let ask, ark, pdh, pek, oca, cek: [UInt8]

            init(_ json: JSON) throws(MalformedInput) {
                let (authorities, platform) = (try json.member("ca"), try json.member("sev"))
                ask = try Self.certificate(authorities.member("ask"))
                ark = try Self.certificate(authorities.member("ark"))
                pdh = try Self.certificate(platform.member("pdh"))
                pek = try Self.certificate(platform.member("pek"))
                oca = try Self.certificate(platform.member("oca"))
                cek = try Self.certificate(platform.member("cek"))
            }

            /// A certificate in SEV's format: its bytes, or its version beside the remaining bytes.
            private static func certificate(_ json: JSON) throws(MalformedInput) -> [UInt8] {
                guard json.kind == .object else { return try json.bytes() }
                let version: UInt32 = try json.member("version").integer()
                return version.littleEndianBytes + (try json.member("v1").bytes())
            }
        }

        let workloadID: String
        let build: Build?
        let chain: Chain?

        init(_ json: JSON) throws(MalformedInput) {
            workloadID = try json.member("workload_id").text()
            build = try json.optional("build").map { json throws(MalformedInput) in try Build(json) }
            chain = try json.optional("chain").map { json throws(MalformedInput) in try Chain(json) }
        }
    }

    let tee: ExactText?
    let parameters: Parameters
    let form: Embedded.Form

    init(_ json: JSON) throws(MalformedInput) {
        guard let enveloped = json["extra-params"] else {
            (tee, form) = (nil, .object)
            parameters = try Parameters(json)
            return
        }
        tee = ExactText(try json.member("tee").text())
        let embedded = try Embedded(enveloped)
        (parameters, form) = (try Parameters(embedded.value), embedded.form)
    }
}

/// `POST /attest`.
struct AttestationMessage: Sendable {
    struct Key: Sendable {
        let modulus: String?
        let exponent: String?

        init(_ json: JSON) throws(MalformedInput) {
            modulus = try json.optional(json["k-mod"] == nil ? "n" : "k-mod")?.text()
            exponent = try json.optional(json["k-exp"] == nil ? "e" : "k-exp")?.text()
        }
    }

    enum Evidence: Sendable {
        case snp(report: String, certificates: [CertificateText], generation: String?)
        case sev(measurement: [UInt8], nonce: [UInt8])

        init(_ json: JSON) throws(MalformedInput) {
            if let report = json["report"] {
                self = .snp(
                    report: try report.text(), certificates: try Self.table(json.optional("cert_chain")),
                    generation: try json.optional("gen")?.text())
            } else {
                self = .sev(
                    measurement: try json.member("measure").bytes(), nonce: try json.member("mnonce").bytes())
            }
        }

        /// `cert_chain`: an array, or a string that holds one; the empty string is an empty array.
        private static func table(_ json: JSON?) throws(MalformedInput) -> [CertificateText] {
            guard let json, json.asText?.isEmpty != true else { return [] }
            return try Embedded(json).value.array().map { entry throws(MalformedInput) in try CertificateText(entry) }
        }
    }

    let key: Key?
    let evidence: Evidence

    init(_ json: JSON) throws(MalformedInput) {
        key = try json.optional("tee-pubkey").map { json throws(MalformedInput) in try Key(json) }
        evidence = try Evidence(Embedded(json.member("tee-evidence")).value)
    }
}

/// A certificate of the guest's table: PEM, hex or base64 in a string, or the bytes under `data`, as
/// the `sev` crate writes its table.
enum CertificateText: Sendable {
    case text(String)
    case bytes([UInt8])

    init(_ json: JSON) throws(MalformedInput) {
        self = json.kind == .object ? .bytes(try json.member("data").bytes()) : .text(try json.text())
    }
}
