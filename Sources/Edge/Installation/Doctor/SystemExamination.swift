import Files
import FoundationEssentials

/// The process's limit of open files, and the system's clock.
struct SystemExamination: Examination {
    let settings: Settings
    /// The hard limit of open files; `nil` if it is not known.
    var openFiles = FileDescriptorLimit.hard
    /// The file that systemd-timesyncd creates once the clock is synchronised.
    var synchronized = URL(filePath: "/run/systemd/timesync/synchronized")

    func findings() -> [Finding] { [files, clock] }

    private var files: Finding {
        guard let openFiles else {
            return .warning("system.files", "the limit of open files is not known", do: "check ulimit -Hn")
        }
        let wanted = settings.limits.connections + FileDescriptorLimit.reserve
        guard openFiles >= wanted else {
            return .warning(
                "system.files", "\(openFiles) files may be open, and limits.connections needs \(wanted)",
                do: "raise LimitNOFILE in the unit (ulimit -Hn), or lower limits.connections")
        }
        return .ok("system.files", "\(openFiles) files may be open, \(wanted) are needed")
    }

    private var clock: Finding {
        if File.exists(synchronized.filePath) {
            return .ok("clock", "systemd-timesyncd has synchronised it")
        }
        guard let isSynchronized = KernelClock.isSynchronized else {
            return .warning("clock", "whether it is synchronised is not known", do: "check timedatectl")
        }
        return isSynchronized
            ? .ok("clock", "the kernel says that it is synchronised")
            : .warning(
                "clock", "the kernel says that it is not synchronised",
                do: "run chrony or systemd-timesyncd: certificates and sessions expire by it")
    }
}
