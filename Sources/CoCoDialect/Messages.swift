import Foundation
import JSONWebTokens

// The messages as they stand on the wire, and nothing else. ../../docs/coco.md describes them.

/// What both dialects' `POST /auth` may begin with.
struct VersionMessage: Decodable, Sendable { let version: String }

/// `POST /auth`.
struct RequestMessage: Decodable, Sendable {
    struct Parameters: Decodable, Sendable {
        /// `nil` when the guest does not say.
        let hashAlgorithms: [String]?

        enum CodingKeys: String, CodingKey { case hashAlgorithms = "supported-hash-algorithms" }

        init(from decoder: any Decoder) throws {
            // A guest that has nothing to say sends a text, which is empty.
            guard let members = try? decoder.container(keyedBy: CodingKeys.self) else {
                hashAlgorithms = nil
                return
            }
            hashAlgorithms = try members.decodeIfPresent([String].self, forKey: .hashAlgorithms)
        }
    }

    let version: String
    let tee: String
    let parameters: Parameters?

    enum CodingKeys: String, CodingKey {
        case version, tee
        case parameters = "extra-params"
    }
}

/// `POST /attest`, but for `runtime-data`, of which the form matters too.
struct AttestationMessage: Decodable, Sendable {
    struct InitialData: Decodable, Sendable { let format, body: String }

    struct Evidence<Primary: Decodable & Sendable>: Decodable, Sendable {
        let primary: Primary
        /// JSON in a text; empty without any.
        let additional: String

        enum CodingKeys: String, CodingKey {
            case primary = "primary_evidence"
            case additional = "additional_evidence"
        }
    }

    let initialData: InitialData?

    enum CodingKeys: String, CodingKey { case initialData = "init-data" }
}

/// What of both dialects' `POST /attest` only this one has.
struct AttestationProbe: Decodable, Sendable {
    struct Evidence: Decodable, Sendable {
        private struct Anything: Decodable { init(from decoder: any Decoder) {} }

        private enum CodingKeys: String, CodingKey { case primary = "primary_evidence" }

        init(from decoder: any Decoder) throws {
            _ = try decoder.container(keyedBy: CodingKeys.self).decode(Anything.self, forKey: .primary)
        }
    }

    let evidence: Evidence

    enum CodingKeys: String, CodingKey { case evidence = "tee-evidence" }
}

/// The evidence of one technology in `POST /attest`.
struct EvidenceMessage<Primary: Decodable & Sendable>: Decodable, Sendable {
    let evidence: AttestationMessage.Evidence<Primary>

    enum CodingKeys: String, CodingKey { case evidence = "tee-evidence" }
}

/// Evidence of no hardware.
struct SampleEvidenceMessage: Decodable, Sendable {
    let svn: String
    /// Base64.
    let reportData: String

    enum CodingKeys: String, CodingKey {
        case svn
        case reportData = "report_data"
    }
}

/// An SNP report as fields, with certificates.
struct SNPEvidenceMessage: Decodable, Sendable {
    struct TCB: Decodable, Sendable {
        let fmc: UInt8?
        let bootloader, tee, snp, microcode: UInt8
    }

    struct Firmware: Decodable, Sendable { let major, minor, build: UInt8 }

    struct Signature: Decodable, Sendable { let r, s: [UInt8] }

    struct Entry: Decodable, Sendable { let data: [UInt8] }

    struct Report: Decodable, Sendable {
        let version, guestSVN: UInt32
        let policy: UInt64
        let familyID, imageID: [UInt8]
        let vmpl, signatureAlgorithm: UInt32
        let currentTCB: TCB
        let platformInfo: UInt64
        let keyInfo: UInt32
        let reportData, measurement, hostData, idKeyDigest, authorKeyDigest, reportID, reportIDOfMigrationAgent: [UInt8]
        let reportedTCB: TCB
        let family, model, stepping: UInt8?
        let chipID: [UInt8]
        let committedTCB: TCB
        let current, committed: Firmware
        let launchTCB: TCB
        let launchMitigations, currentMitigations: UInt64?
        let signature: Signature

        enum CodingKeys: String, CodingKey {
            case version, policy, vmpl, measurement, current, committed, signature
            case guestSVN = "guest_svn"
            case familyID = "family_id"
            case imageID = "image_id"
            case signatureAlgorithm = "sig_algo"
            case currentTCB = "current_tcb"
            case platformInfo = "plat_info"
            case keyInfo = "key_info"
            case reportData = "report_data"
            case hostData = "host_data"
            case idKeyDigest = "id_key_digest"
            case authorKeyDigest = "author_key_digest"
            case reportID = "report_id"
            case reportIDOfMigrationAgent = "report_id_ma"
            case reportedTCB = "reported_tcb"
            case family = "cpuid_fam_id"
            case model = "cpuid_mod_id"
            case stepping = "cpuid_step"
            case chipID = "chip_id"
            case committedTCB = "committed_tcb"
            case launchTCB = "launch_tcb"
            case launchMitigations = "launch_mit_vector"
            case currentMitigations = "current_mit_vector"
        }
    }

    let report: Report
    let certificates: [Entry]?

    enum CodingKeys: String, CodingKey {
        case report = "attestation_report"
        case certificates = "cert_chain"
    }
}
