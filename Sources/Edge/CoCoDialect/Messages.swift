import Bytes
import Formats

// The messages as on the wire, without logic. docs/coco.md describes them.

/// `POST /auth`.
struct RequestMessage: Sendable {
    let version: String
    let tee: String
    /// `supported-hash-algorithms`; `nil` if the guest sends none.
    let hashAlgorithms: [String]?

    init(_ json: JSON) throws(MalformedInput) {
        version = try json.member("version").text()
        tee = try json.member("tee").text()
        // Without parameters guests send an empty text.
        guard let parameters = json["extra-params"], parameters.kind == .object else {
            hashAlgorithms = nil
            return
        }
        hashAlgorithms = try parameters.optional("supported-hash-algorithms").map { list throws(MalformedInput) in
            try list.array().map { name throws(MalformedInput) in try name.text() }
        }
    }
}

/// `init-data` in `POST /attest`.
struct InitialDataMessage: Sendable {
    let format, body: String

    init(format: String, body: String) { (self.format, self.body) = (format, body) }

    init(_ json: JSON) throws(MalformedInput) {
        self.init(format: try json.member("format").text(), body: try json.member("body").text())
    }
}

/// Sample evidence, without hardware.
struct SampleEvidenceMessage: Sendable {
    let svn: String
    /// Base64.
    let reportData: String

    init(_ json: JSON) throws(MalformedInput) {
        svn = try json.member("svn").text()
        reportData = try json.member("report_data").text()
    }
}

/// An SNP report as fields, with certificates.
struct SNPEvidenceMessage: Sendable {
    struct TCB: Sendable {
        let fmc: UInt8?
        let bootloader, tee, snp, microcode: UInt8

        init(_ json: JSON) throws(MalformedInput) {
            fmc = try json.optional("fmc")?.integer()
            bootloader = try json.member("bootloader").integer()
            tee = try json.member("tee").integer()
            snp = try json.member("snp").integer()
            microcode = try json.member("microcode").integer()
        }
    }

    struct Firmware: Sendable {
        let major, minor, build: UInt8

        init(_ json: JSON) throws(MalformedInput) {
            major = try json.member("major").integer()
            minor = try json.member("minor").integer()
            build = try json.member("build").integer()
        }
    }

    struct Report: Sendable {
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
        let r, s: [UInt8]

        init(_ json: JSON) throws(MalformedInput) {
            version = try json.member("version").integer()
            guestSVN = try json.member("guest_svn").integer()
            policy = try json.member("policy").integer()
            familyID = try json.member("family_id").bytes()
            imageID = try json.member("image_id").bytes()
            vmpl = try json.member("vmpl").integer()
            signatureAlgorithm = try json.member("sig_algo").integer()
            currentTCB = try TCB(json.member("current_tcb"))
            platformInfo = try json.member("plat_info").integer()
            keyInfo = try json.member("key_info").integer()
            reportData = try json.member("report_data").bytes()
            measurement = try json.member("measurement").bytes()
            hostData = try json.member("host_data").bytes()
            idKeyDigest = try json.member("id_key_digest").bytes()
            authorKeyDigest = try json.member("author_key_digest").bytes()
            reportID = try json.member("report_id").bytes()
            reportIDOfMigrationAgent = try json.member("report_id_ma").bytes()
            reportedTCB = try TCB(json.member("reported_tcb"))
            family = try json.optional("cpuid_fam_id")?.integer()
            model = try json.optional("cpuid_mod_id")?.integer()
            stepping = try json.optional("cpuid_step")?.integer()
            chipID = try json.member("chip_id").bytes()
            committedTCB = try TCB(json.member("committed_tcb"))
            current = try Firmware(json.member("current"))
            committed = try Firmware(json.member("committed"))
            launchTCB = try TCB(json.member("launch_tcb"))
            launchMitigations = try json.optional("launch_mit_vector")?.integer()
            currentMitigations = try json.optional("current_mit_vector")?.integer()
            let signature = try json.member("signature")
            r = try signature.member("r").bytes()
            s = try signature.member("s").bytes()
        }
    }

    let report: Report
    /// The entries of `cert_chain`: DER, or other bytes from the host's table.
    let certificates: [[UInt8]]

    init(_ json: JSON) throws(MalformedInput) {
        report = try Report(json.member("attestation_report"))
        certificates =
            try json.optional("cert_chain")?.array().map { entry throws(MalformedInput) in
                try entry.member("data").bytes()
            } ?? []
    }
}
