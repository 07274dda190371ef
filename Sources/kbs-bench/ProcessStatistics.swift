import Foundation

/// What Linux says about a process.
struct ProcessStatistics {
    let pid: pid_t

    /// In seconds; ticks of 10 ms.
    struct CPUTime {
        var user = 0.0
        var system = 0.0

        var total: Double { user + system }

        static func - (left: Self, right: Self) -> Self {
            CPUTime(user: left.user - right.user, system: left.system - right.system)
        }
    }

    /// Of the process itself.
    var cpuTime: CPUTime { time(at: 11) }

    /// Of the process, its children, and those of its children that have ended and were waited for: a PostgreSQL
    /// server's, which is one process for each connection.
    var familyCPUTime: Double {
        let processes = (try? FileManager.default.contentsOfDirectory(atPath: "/proc")) ?? []
        let children = processes.compactMap { pid_t($0) }.map(ProcessStatistics.init).filter { $0.parent == pid }
        return cpuTime.total + time(at: 13).total + children.reduce(0) { $0 + $1.cpuTime.total }
    }

    var parent: pid_t? { fields.count > 1 ? pid_t(fields[1]) : nil }

    /// Resident now, in KiB.
    var memory: Int { number("VmRSS:", in: "status") }
    /// The most that was resident, in KiB.
    var peakMemory: Int { number("VmHWM:", in: "status") }
    /// To files, sent to the disk or about to be.
    var bytesWritten: Int { number("write_bytes:", in: "io") }

    /// CPU time of this process, in seconds.
    static var ownCPUTime: Double {
        var time = timespec()
        clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &time)
        return Double(time.tv_sec) + Double(time.tv_nsec) / 1e9
    }

    /// Those of `/proc/…/stat` after the name, which is in parentheses: state, parent, …; the 12th to 15th are times.
    private var fields: [Substring] { read("stat").split(separator: ")").last?.split(separator: " ") ?? [] }

    private func time(at index: Int) -> CPUTime {
        let fields = fields
        guard fields.count > index + 1, let user = Double(fields[index]), let system = Double(fields[index + 1]) else {
            return CPUTime()
        }
        let tick = 1 / Double(sysconf(Int32(_SC_CLK_TCK)))
        return CPUTime(user: user * tick, system: system * tick)
    }

    private func number(_ name: String, in file: String) -> Int {
        let line = read(file).split(separator: "\n").first { $0.hasPrefix(name) }
        return line.flatMap { Int($0.dropFirst(name.count).filter(\.isNumber)) } ?? -1
    }

    private func read(_ file: String) -> String {
        (try? String(contentsOf: URL(filePath: "/proc/\(pid)/\(file)"), encoding: .utf8)) ?? ""
    }
}
