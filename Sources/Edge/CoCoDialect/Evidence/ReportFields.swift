import Bytes
import Evidence

/// Rebuilds the report's original bytes, which the processor signed, from its fields.
///
/// Source: AMD 56860, table "ATTESTATION_REPORT". Bytes without a field are reserved, and zero.
extension AttestationReport {
    /// - Throws: ``MalformedInput`` when a field has another length than it has in a report.
    init(_ fields: SNPEvidenceMessage.Report) throws(MalformedInput) {
        var bytes: [UInt8] = []
        bytes.reserveCapacity(Self.size)
        func field(_ field: [UInt8], _ name: String, _ count: Int) throws(MalformedInput) {
            guard field.count == count else {
                throw MalformedInput("SNP report", "\(name) has \(field.count) bytes instead of \(count)")
            }
            bytes += field
        }
        func reserved(upTo offset: Int) { bytes += Array(repeating: 0, count: offset - bytes.count) }

        bytes += fields.version.littleEndianBytes + fields.guestSVN.littleEndianBytes
        bytes += fields.policy.littleEndianBytes
        try field(fields.familyID, "family_id", 16)
        try field(fields.imageID, "image_id", 16)
        bytes += fields.vmpl.littleEndianBytes + fields.signatureAlgorithm.littleEndianBytes
        bytes += fields.currentTCB.bytes
        bytes += fields.platformInfo.littleEndianBytes + fields.keyInfo.littleEndianBytes
        reserved(upTo: 0x50)
        try field(fields.reportData, "report_data", 64)
        try field(fields.measurement, "measurement", 48)
        try field(fields.hostData, "host_data", 32)
        try field(fields.idKeyDigest, "id_key_digest", 48)
        try field(fields.authorKeyDigest, "author_key_digest", 48)
        try field(fields.reportID, "report_id", 32)
        try field(fields.reportIDOfMigrationAgent, "report_id_ma", 32)
        bytes += fields.reportedTCB.bytes
        // Version 2 of the report has no CPUID fields, only zeros.
        bytes += [fields.family ?? 0, fields.model ?? 0, fields.stepping ?? 0]
        reserved(upTo: 0x1A0)
        try field(fields.chipID, "chip_id", 64)
        bytes += fields.committedTCB.bytes
        bytes += fields.current.bytes
        reserved(upTo: 0x1EC)
        bytes += fields.committed.bytes
        reserved(upTo: 0x1F0)
        bytes += fields.launchTCB.bytes
        bytes += (fields.launchMitigations ?? 0).littleEndianBytes + (fields.currentMitigations ?? 0).littleEndianBytes
        reserved(upTo: 0x2A0)
        try field(fields.r, "signature.r", 72)
        try field(fields.s, "signature.s", 72)
        reserved(upTo: Self.size)
        try self.init(bytes: bytes)
    }
}

extension SNPEvidenceMessage.TCB {
    /// Only Turin has an FMC, and its TCB has another layout. A guest that misstates this yields other bytes than were
    /// signed, and fails the signature check.
    fileprivate var bytes: [UInt8] {
        let version = TCBVersion(fmc: fmc, bootLoader: bootloader, tee: tee, snp: snp, microcode: microcode)
        return RawTCBVersion(version, product: fmc == nil ? .genoa : .turin).bytes
    }
}

extension SNPEvidenceMessage.Firmware {
    fileprivate var bytes: [UInt8] { [build, minor, major] }
}
