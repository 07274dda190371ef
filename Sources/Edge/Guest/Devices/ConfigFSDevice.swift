import Files
import FoundationEssentials
import Glibc

/// configfs-tsm: a folder in which each new subfolder is a request for a report.
///
/// Source: Linux, Documentation/ABI/testing/configfs-tsm-report. The kernel counts every write to an entry in
/// `generation`: any other count than our own writes make means that another program used the entry, and the report is
/// not ours.
struct ConfigFSDevice: EvidenceDevice {
    let path: String
    let privilegeLevel: UInt32?
    private static let tries = 3

    var name: String { "configfs-tsm (\(path))" }
    var isPresent: Bool { Folder.exists(path) }

    func state() -> DeviceState {
        guard isPresent else {
            return DeviceState(
                isUsable: false, text: "not there (is configfs mounted, and the module sev-guest loaded?)")
        }
        guard access(path, W_OK) == 0 else {
            return DeviceState(isUsable: false, text: "there, but this user may not make requests in it: run as root")
        }
        return DeviceState(isUsable: true, text: "there")
    }

    func evidence(reportData: [UInt8]) async throws -> GuestEvidence {
        for _ in 0..<Self.tries {
            if let (report, table) = try request(reportData) {
                return try evidence(report: report, table: table, reportData: reportData)
            }
        }
        throw GuestFailure(
            .unusable,
            "\(name): another program wrote to our request \(Self.tries) times. Find out which, and try again.")
    }

    /// One request in an entry of its own, which is always removed.
    ///
    /// - Returns: `nil` if another program wrote to the entry meanwhile.
    private func request(_ reportData: [UInt8]) throws -> (report: [UInt8], table: [UInt8])? {
        let entry = "\(path)/kbs-\(UUID().uuidString.lowercased())"
        do { try Folder.makeOne(entry) } catch { throw failure("make a request", error) }
        // A failed removal changes nothing for the caller.
        defer { try? Folder.remove(entry) }

        let provider = try text("provider", of: entry)
        guard provider == "sev_guest" else {
            throw GuestFailure(
                .unusable, "\(name): its provider is \"\(provider)\" and not \"sev_guest\": this is no SEV-SNP guest.")
        }
        var expected = try generation(of: entry)
        if let privilegeLevel {
            try write(Array("\(privilegeLevel)".utf8), to: "privlevel", of: entry)
            expected &+= 1
        }
        try write(reportData, to: "inblob", of: entry)
        expected &+= 1
        guard let report = try report(of: entry), let table = try auxiliary(of: entry) else { return nil }
        guard try generation(of: entry) == expected else { return nil }
        return (report, table)
    }

    /// - Returns: `nil` if the kernel saw another write while it made the report.
    private func report(of entry: String) throws -> [UInt8]? {
        do {
            return try File.read("\(entry)/outblob", atMost: 0x4000)
        } catch {
            if error.code == EWOULDBLOCK { return nil }
            throw failure("read the report", error)
        }
    }

    /// The host's certificates. Older kernels lack this attribute, and an unusable one must not lose the report.
    ///
    /// - Returns: `nil` if the kernel saw another write since it made the report.
    private func auxiliary(of entry: String) throws -> [UInt8]? {
        do {
            return try File.read("\(entry)/auxblob", atMost: HostCertificateTable.longest)
        } catch {
            if error.code == ENOENT || error.code == EFBIG { return [] }
            if error.code == EWOULDBLOCK { return nil }
            throw failure("read the host's certificates", error)
        }
    }

    private func generation(of entry: String) throws -> UInt64 {
        guard let number = UInt64(try text("generation", of: entry)) else {
            throw GuestFailure(.unusable, "\(name): its generation is not a number.")
        }
        return number
    }

    private func text(_ attribute: String, of entry: String) throws -> String {
        do {
            let text = String(decoding: try File.read("\(entry)/\(attribute)", atMost: 4_096), as: UTF8.self)
            return text.split(whereSeparator: \.isWhitespace).joined(separator: " ")
        } catch { throw failure("read \(attribute)", error) }
    }

    private func write(_ bytes: [UInt8], to attribute: String, of entry: String) throws {
        do {
            let file = try OpenFile("\(entry)/\(attribute)", .write)
            try file.writeAtOnce(bytes)
            // configfs acts on a binary attribute when it is closed.
            try file.close()
        } catch { throw failure("write \(attribute)", error) }
    }

    private func failure(_ action: String, _ error: FileError) -> GuestFailure {
        let advice =
            switch error.code {
            case EACCES, EPERM: " Run as root."
            case ENOENT: " Mount configfs and load the module sev-guest."
            case EINVAL where privilegeLevel != nil:
                " The guest may not ask for this privilege level: see privlevel_floor."
            case ENXIO, EIO, ETIMEDOUT: " The host's firmware did not answer; the kernel's log (dmesg) has its code."
            default: ""
            }
        return GuestFailure(.unusable, "\(name): could not \(action): \(error.systemText).\(advice)")
    }
}
