import Evidence
import Foundation

// The messages as they stand on the wire, and nothing else. ../../docs/virtee.md describes them.

/// A value that some clients send as itself and others as a string that holds its JSON.
struct Embedded<Value: Decodable & Sendable>: Decodable, Sendable {
    enum Form: Sendable { case object, string }

    let value: Value
    let form: Form

    init(from decoder: any Decoder) throws {
        if let text = try? decoder.singleValueContainer().decode(String.self) {
            form = .string
            do { try CombiningMarks.check(text.utf8) } catch {
                throw DecodingError.dataCorrupted(
                    .init(codingPath: decoder.codingPath, debugDescription: error.reason))
            }
            value = try JSONDecoder().decode(Value.self, from: Data(text.utf8))
        } else {
            form = .object
            value = try Value(from: decoder)
        }
    }
}

/// `POST /register_workload`.
struct RegistrationMessage: Codable, Sendable {
    let workloadID: String
    let launchMeasurement: String
    let teeConfig: String
    let passphrase: String

    enum CodingKeys: String, CodingKey {
        case workloadID = "workload_id"
        case launchMeasurement = "launch_measurement"
        case teeConfig = "tee_config"
        case passphrase
    }
}

/// What stands in `tee_config`, when it is of use.
struct ConfigurationMessage: Codable, Sendable {
    struct Flags: Codable, Sendable { let bits: UInt16 }
    struct Firmware: Codable, Sendable { let major, minor: UInt8 }

    let flags: Flags
    let minfw: Firmware
}

/// `POST /auth`: an envelope, or what it envelops alone.
struct RequestMessage: Decodable, Sendable {
    struct Parameters: Decodable, Sendable {
        struct Build: Decodable, Sendable {
            struct Version: Decodable, Sendable { let major, minor: UInt8 }
            let version: Version
            let build: UInt8
        }

        struct Chain: Decodable, Sendable {
            struct Authorities: Decodable, Sendable { let ask, ark: CertificateMessage }
            struct Platform: Decodable, Sendable { let pdh, pek, oca, cek: CertificateMessage }
            let ca: Authorities
            let sev: Platform
        }

        let workloadID: String
        let build: Build?
        let chain: Chain?

        enum CodingKeys: String, CodingKey {
            case workloadID = "workload_id"
            case build, chain
        }
    }

    let tee: String?
    let parameters: Parameters
    let form: Embedded<Parameters>.Form

    enum CodingKeys: String, CodingKey {
        case tee
        case parameters = "extra-params"
    }

    init(from decoder: any Decoder) throws {
        let container = try decoder.container(keyedBy: CodingKeys.self)
        guard container.contains(.parameters) else {
            tee = nil
            form = .object
            parameters = try Parameters(from: decoder)
            return
        }
        tee = try container.decode(String.self, forKey: .tee)
        let embedded = try container.decode(Embedded<Parameters>.self, forKey: .parameters)
        (parameters, form) = (embedded.value, embedded.form)
    }
}

/// A certificate of SEV's format: its bytes, or its version beside the rest.
struct CertificateMessage: Decodable, Sendable {
    let bytes: [UInt8]

    private enum CodingKeys: String, CodingKey { case version, v1 }

    init(from decoder: any Decoder) throws {
        if let container = try? decoder.container(keyedBy: CodingKeys.self) {
            let version = try container.decode(UInt32.self, forKey: .version)
            bytes =
                (0..<4).map { UInt8(truncatingIfNeeded: version >> ($0 * 8)) }
                + (try container.decode([UInt8].self, forKey: .v1))
        } else {
            bytes = try decoder.singleValueContainer().decode([UInt8].self)
        }
    }
}

/// `POST /attest`.
struct AttestationMessage: Decodable, Sendable {
    struct Key: Decodable, Sendable {
        let modulus: String?
        let exponent: String?

        private enum CodingKeys: String, CodingKey {
            case kMod = "k-mod"
            case kExp = "k-exp"
            case n, e
        }

        init(from decoder: any Decoder) throws {
            let container = try decoder.container(keyedBy: CodingKeys.self)
            modulus = try container.decodeIfPresent(String.self, forKey: container.contains(.kMod) ? .kMod : .n)
            exponent = try container.decodeIfPresent(String.self, forKey: container.contains(.kExp) ? .kExp : .e)
        }
    }

    enum Evidence: Decodable, Sendable {
        case snp(report: String, certificates: [CertificateText], generation: String?)
        case sev(measurement: [UInt8], nonce: [UInt8])

        private enum CodingKeys: String, CodingKey {
            case report, gen, measure, mnonce
            case certificates = "cert_chain"
        }

        init(from decoder: any Decoder) throws {
            let container = try decoder.container(keyedBy: CodingKeys.self)
            if container.contains(.report) {
                self = .snp(
                    report: try container.decode(String.self, forKey: .report),
                    certificates: try container.decodeIfPresent(CertificateTable.self, forKey: .certificates)?
                        .entries ?? [],
                    generation: try container.decodeIfPresent(String.self, forKey: .gen))
            } else {
                self = .sev(
                    measurement: try container.decode([UInt8].self, forKey: .measure),
                    nonce: try container.decode([UInt8].self, forKey: .mnonce))
            }
        }
    }

    let key: Key?
    let evidence: Embedded<Evidence>

    enum CodingKeys: String, CodingKey {
        case key = "tee-pubkey"
        case evidence = "tee-evidence"
    }
}

/// `cert_chain`: an array, or a string that holds one; the empty string is an empty array.
struct CertificateTable: Decodable, Sendable {
    let entries: [CertificateText]

    init(from decoder: any Decoder) throws {
        if let text = try? decoder.singleValueContainer().decode(String.self), text.isEmpty {
            entries = []
        } else {
            entries = try Embedded<[CertificateText]>(from: decoder).value
        }
    }
}

/// A certificate of the guest's table: PEM, hex or base64 in a string, or the bytes under `data`, as
/// the `sev` crate writes its table.
struct CertificateText: Decodable, Sendable {
    enum Content: Sendable {
        case text(String)
        case bytes([UInt8])
    }

    let content: Content

    private enum CodingKeys: String, CodingKey { case data }

    init(from decoder: any Decoder) throws {
        if let container = try? decoder.container(keyedBy: CodingKeys.self) {
            content = .bytes(try container.decode([UInt8].self, forKey: .data))
        } else {
            content = .text(try decoder.singleValueContainer().decode(String.self))
        }
    }
}
