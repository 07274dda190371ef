import Crypto
public import Evidence

/// A guest's hardware evidence: a report and, if the host provides them, the certificates for it.
public struct GuestEvidence: Sendable {
    public let report: AttestationReport
    /// Certificates in the host's order. They are the host's: the guest passes them on, and the broker verifies them.
    public let certificates: [Certificate]
}

/// A kernel interface for attestation reports.
public protocol EvidenceDevice: Sendable {
    /// The device's name in messages.
    var name: String { get }

    /// A fresh report.
    ///
    /// - Parameter reportData: the report data, 64 bytes.
    /// - Throws: ``GuestFailure`` of kind `unusable`.
    func evidence(reportData: [UInt8]) async throws -> GuestEvidence
}

extension EvidenceDevice {
    /// Parses a report and a certificate table, and checks the report data.
    func evidence(report bytes: [UInt8], table: [UInt8], reportData: [UInt8]) throws -> GuestEvidence {
        let report: AttestationReport
        do { report = try AttestationReport(bytes: bytes) } catch {
            throw GuestFailure(.unusable, "\(name) gave a report that cannot be read: \(error).")
        }
        guard equalInConstantTime(report.reportData, reportData) else {
            throw GuestFailure(.unusable, "\(name) gave a report with other report data than was asked for.")
        }
        // A broken table is the host's fault. The broker finds the certificates itself.
        return GuestEvidence(report: report, certificates: (try? HostCertificateTable(table))?.certificates ?? [])
    }
}

/// Which device to use.
public enum DeviceChoice: String, Sendable, CaseIterable {
    /// configfs-tsm if the kernel has it, otherwise /dev/sev-guest.
    case auto
    case configfs
    case sevGuest = "sev-guest"

    public init(named name: String) throws(GuestFailure) {
        guard let choice = Self(rawValue: name) else {
            throw GuestFailure(.unusable, "--device must be auto, configfs or sev-guest.")
        }
        self = choice
    }
}

/// Paths of the devices, and parameters of a report.
public struct DeviceSettings: Sendable {
    public var choice: DeviceChoice = .auto
    /// The folder of configfs-tsm in which reports are made.
    public var configFSPath = "/sys/kernel/config/tsm/report"
    public var sevGuestPath = "/dev/sev-guest"
    /// The privilege level (VMPL) that the report is made at, 0–3. `nil` is the kernel's own choice.
    public var privilegeLevel: UInt32?

    public init() {}

    /// The device that is chosen and present.
    public func device() throws -> any EvidenceDevice {
        if let privilegeLevel, privilegeLevel > 3 {
            throw GuestFailure(.unusable, "--vmpl must be 0 to 3: SEV-SNP has no other privilege levels.")
        }
        switch choice {
        case .configfs: return configFS
        case .sevGuest: return sevGuest
        case .auto:
            if configFS.isPresent { return configFS }
            if sevGuest.isPresent { return sevGuest }
            throw GuestFailure(
                .unusable,
                "This machine offers no attestation reports: neither \(configFSPath) nor \(sevGuestPath) is there. In a "
                    + "SEV-SNP guest, load the module sev-guest and mount configfs (mount -t configfs none /sys/kernel/config)."
            )
        }
    }

    /// Lines for `kbs guest status`, and whether any device is usable.
    public func status() -> (lines: [String], isUsable: Bool) {
        let states = [configFS.state(), sevGuest.state()]
        return (
            ["configfs   \(configFSPath): \(states[0].text)", "sev-guest  \(sevGuestPath): \(states[1].text)"],
            states.contains(where: \.isUsable)
        )
    }

    private var configFS: ConfigFSDevice { ConfigFSDevice(path: configFSPath, privilegeLevel: privilegeLevel) }
    private var sevGuest: SEVGuestDevice { SEVGuestDevice(path: sevGuestPath, privilegeLevel: privilegeLevel) }
}

/// The state of a device, found without requesting a report.
struct DeviceState {
    let isUsable: Bool
    let text: String
}
