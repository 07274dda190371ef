import Bytes
import CSEVGuest
import Evidence
import Files
import Glibc

/// `/dev/sev-guest`: the character device of kernels before configfs-tsm.
///
/// Source: linux/sev-guest.h, and Documentation/virt/coco/sev-guest.rst.
struct SEVGuestDevice: EvidenceDevice {
    let path: String
    let privilegeLevel: UInt32?
    private let channel: any ReportChannel
    private static let tries = 8

    /// - Parameter channel: `nil`: the kernel's.
    init(path: String, privilegeLevel: UInt32?, channel: (any ReportChannel)? = nil) {
        (self.path, self.privilegeLevel) = (path, privilegeLevel)
        self.channel = channel ?? KernelReportChannel(path: path)
    }

    var name: String { "sev-guest (\(path))" }
    var isPresent: Bool { access(path, F_OK) == 0 }

    func state() -> DeviceState {
        guard isPresent else {
            return DeviceState(isUsable: false, text: "not there (is the module sev-guest loaded?)")
        }
        guard access(path, R_OK | W_OK) == 0 else {
            return DeviceState(isUsable: false, text: "there, but this user may not open it: run as root")
        }
        return DeviceState(isUsable: true, text: "there")
    }

    func evidence(reportData: [UInt8]) async throws -> GuestEvidence {
        let level = privilegeLevel ?? 0
        let first = try await ask(reportData, level, room: HostCertificateTable.longest)
        // A host without certificates, or with a table too long for the kernel, still gives reports.
        let reply = first.code == 0 ? first : try await ask(reportData, level, room: nil)
        guard reply.code == 0 else { throw failure(reply) }
        return try evidence(
            report: try Self.report(in: reply.response, name), table: reply.table, reportData: reportData)
    }

    /// Repeats the request while the hypervisor is busy.
    private func ask(_ reportData: [UInt8], _ level: UInt32, room: Int?) async throws -> ReportReply {
        var pause = Duration.milliseconds(100)
        for _ in 1..<Self.tries {
            let reply = try channel.request(reportData: reportData, privilegeLevel: level, tableRoom: room)
            guard reply.isBusy else { return reply }
            try await Task.sleep(for: pause)
            pause = min(pause * 2, .seconds(2))
        }
        return try channel.request(reportData: reportData, privilegeLevel: level, tableRoom: room)
    }

    /// MSG_REPORT_RSP: status, size of the report, 24 reserved bytes, the report. Source: AMD 56860.
    private static func report(in response: [UInt8], _ name: String) throws -> [UInt8] {
        do {
            var cursor = ByteCursor(response, subject: "firmware's answer")
            let (status, size) = (try cursor.u32(), try cursor.u32())
            guard status == 0 else { throw GuestFailure(.unusable, sentence(status: status, name)) }
            guard size == AttestationReport.size else {
                throw MalformedInput("firmware's answer", "it announces a report of \(size) bytes")
            }
            try cursor.skip(24)
            return try cursor.take(AttestationReport.size)
        } catch let error as MalformedInput {
            throw GuestFailure(.unusable, "\(name) gave an answer that cannot be read: \(error).")
        }
    }

    private static func sentence(status: UInt32, _ name: String) -> String {
        switch status {
        case 0x16: "\(name): the firmware found the request invalid; mostly the privilege level, see --vmpl."
        case 0x27: "\(name): the firmware has no key of the kind that was asked for."
        default: "\(name): the firmware refused with status 0x\(String(status, radix: 16))."
        }
    }

    private func failure(_ reply: ReportReply) -> GuestFailure {
        let cause =
            switch (reply.hypervisorError, reply.firmwareError, reply.code) {
            case (2, _, _): "the hypervisor is busy and stayed so: try again later"
            case (1, _, _): "the hypervisor has more certificates than there is room for"
            case (let error, _, _) where error != 0: "the hypervisor failed with code \(error)"
            case (_, let error, _) where error != 0:
                "the firmware failed with code 0x\(String(error, radix: 16)) (AMD 56860, status codes)"
            case (_, _, ENOTTY): "it is no SEV-SNP guest device"
            case (_, _, EIO): "the kernel could not speak with the firmware; its message key may be used up, see dmesg"
            default: String(cString: strerror(reply.code))
            }
        return GuestFailure(.unusable, "\(name): \(cause).")
    }
}

/// The interface to the firmware, replaceable in tests to produce errors.
protocol ReportChannel: Sendable {
    /// - Parameter tableRoom: bytes for the host's certificates, whole pages; `nil` asks for none.
    /// - Throws: ``GuestFailure`` when the device cannot be opened.
    func request(reportData: [UInt8], privilegeLevel: UInt32, tableRoom: Int?) throws -> ReportReply
}

/// The kernel's reply.
struct ReportReply: Sendable {
    /// 0, or errno.
    var code: Int32 = 0
    /// The hypervisor's error in the high half, the firmware's in the low half.
    var exitInfo2: UInt64 = 0
    /// 4,000 bytes.
    var response: [UInt8] = []
    /// The host's certificate table.
    var table: [UInt8] = []

    var hypervisorError: UInt32 { UInt32(truncatingIfNeeded: exitInfo2 >> 32) }
    // Older kernels fill in all ones before the request, which stay if the request was never made.
    var firmwareError: UInt32 {
        let low = UInt32(truncatingIfNeeded: exitInfo2)
        return low == .max ? 0 : low
    }
    var isBusy: Bool { code != 0 && (hypervisorError == UInt32(SNP_GUEST_VMM_ERR_BUSY) || code == EAGAIN) }
}

/// The kernel's device, by ioctl.
private struct KernelReportChannel: ReportChannel {
    let path: String

    func request(reportData: [UInt8], privilegeLevel: UInt32, tableRoom: Int?) throws -> ReportReply {
        let file: OpenFile
        do { file = try OpenFile(path, .update) } catch {
            let advice = error.code == EACCES || error.code == EPERM ? " Run as root." : ""
            throw GuestFailure(.unusable, "sev-guest: \(path) cannot be opened: \(error.systemText).\(advice)")
        }
        var request = snp_report_req()
        request.vmpl = privilegeLevel
        withUnsafeMutableBytes(of: &request.user_data) { $0.copyBytes(from: reportData.prefix($0.count)) }
        var response = snp_report_resp()
        var reply = ReportReply()
        if let tableRoom {
            let table = UnsafeMutableRawBufferPointer.allocate(byteCount: tableRoom, alignment: 4_096)
            defer { table.deallocate() }
            table.initializeMemory(as: UInt8.self, repeating: 0)
            var length = UInt32(clamping: tableRoom)
            reply.code = kbs_snp_get_ext_report(
                file.descriptor, &request, table.baseAddress, &length, &response, &reply.exitInfo2)
            if reply.code == 0 { reply.table = Array(table) }
        } else {
            reply.code = kbs_snp_get_report(file.descriptor, &request, &response, &reply.exitInfo2)
        }
        reply.response = withUnsafeBytes(of: response.data) { Array($0) }
        return reply
    }
}
