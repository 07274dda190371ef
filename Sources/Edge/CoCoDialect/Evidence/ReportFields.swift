import Bytes
import Evidence
import Formats

/// Rebuilds the report's original bytes, which the processor signed, from its fields.
///
/// Source: AMD 56860, table "ATTESTATION_REPORT". Bytes without a field are reserved, and zero.
extension AttestationReport {
    /// - Parameter json: `attestation_report`.
    /// - Throws: ``MalformedInput`` that names the member.
    init(fields json: JSON) throws(MalformedInput) {
        var bytes: [UInt8] = []
        bytes.reserveCapacity(Self.size)
        func number<Number: FixedWidthInteger>(_ name: String, _: Number.Type) throws(MalformedInput) {
            let number: Number = try json.member(name).integer()
            bytes += number.littleEndianBytes
        }
        /// A number that earlier versions of the report do not have.
        func newer<Number: FixedWidthInteger>(_ name: String, _: Number.Type) throws(MalformedInput) {
            let number: Number = try json.optional(name)?.integer() ?? 0
            bytes += number.littleEndianBytes
        }
        func field(_ member: JSON, _ count: Int) throws(MalformedInput) {
            let field = try member.bytes()
            guard field.count == count else {
                throw MalformedInput(member.path, "has \(field.count) bytes instead of \(count)")
            }
            bytes += field
        }
        func reserved(upTo offset: Int) { bytes += Array(repeating: 0, count: offset - bytes.count) }

        try number("version", UInt32.self)
        try number("guest_svn", UInt32.self)
        try number("policy", UInt64.self)
        try field(json.member("family_id"), 16)
        try field(json.member("image_id"), 16)
        try number("vmpl", UInt32.self)
        try number("sig_algo", UInt32.self)
        bytes += try Self.tcb(json.member("current_tcb"))
        try number("plat_info", UInt64.self)
        try number("key_info", UInt32.self)
        reserved(upTo: 0x50)
        try field(json.member("report_data"), 64)
        try field(json.member("measurement"), 48)
        try field(json.member("host_data"), 32)
        try field(json.member("id_key_digest"), 48)
        try field(json.member("author_key_digest"), 48)
        try field(json.member("report_id"), 32)
        try field(json.member("report_id_ma"), 32)
        bytes += try Self.tcb(json.member("reported_tcb"))
        for name in ["cpuid_fam_id", "cpuid_mod_id", "cpuid_step"] { try newer(name, UInt8.self) }
        reserved(upTo: 0x1A0)
        try field(json.member("chip_id"), 64)
        bytes += try Self.tcb(json.member("committed_tcb"))
        bytes += try Self.firmware(json.member("current"))
        reserved(upTo: 0x1EC)
        bytes += try Self.firmware(json.member("committed"))
        reserved(upTo: 0x1F0)
        bytes += try Self.tcb(json.member("launch_tcb"))
        try newer("launch_mit_vector", UInt64.self)
        try newer("current_mit_vector", UInt64.self)
        reserved(upTo: 0x2A0)
        let signature = try json.member("signature")
        try field(signature.member("r"), 72)
        try field(signature.member("s"), 72)
        reserved(upTo: Self.size)
        try self.init(bytes: bytes)
    }

    /// Only Turin has an FMC, and its TCB has another layout. A guest that misstates this yields other bytes than were
    /// signed, and fails the signature check.
    private static func tcb(_ json: JSON) throws(MalformedInput) -> [UInt8] {
        let fmc: UInt8? = try json.optional("fmc")?.integer()
        let version = TCBVersion(
            fmc: fmc, bootLoader: try json.member("bootloader").integer(), tee: try json.member("tee").integer(),
            snp: try json.member("snp").integer(), microcode: try json.member("microcode").integer())
        return RawTCBVersion(version, product: fmc == nil ? .genoa : .turin).bytes
    }

    private static func firmware(_ json: JSON) throws(MalformedInput) -> [UInt8] {
        [try json.member("build").integer(), try json.member("minor").integer(), try json.member("major").integer()]
    }
}
