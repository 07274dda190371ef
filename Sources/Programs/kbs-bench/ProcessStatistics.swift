import Files
import Glibc

/// What Linux says about a process.
struct ProcessStatistics: Sendable {
    let pid: pid_t

    /// CPU time of the process itself, in seconds, to the nanosecond.
    var cpuTime: Double {
        var clock = clockid_t()
        guard clock_getcpuclockid(pid, &clock) == 0 else { return 0 }
        return Self.time(of: clock)
    }

    /// In seconds, in ticks of 10 ms.
    var kernelTime: Double { time(at: 12) }

    /// Of the process, its children, and those of its children that have ended and were waited for: a PostgreSQL
    /// server's, which is one process for each connection.
    var familyCPUTime: Double {
        let processes = (try? Folder.names(in: "/proc")) ?? []
        let children = processes.compactMap { pid_t($0) }.map(ProcessStatistics.init).filter { $0.parent == pid }
        return time(at: 11) + time(at: 12) + time(at: 13) + time(at: 14)
            + children.reduce(0) { $0 + $1.time(at: 11) + $1.time(at: 12) }
    }

    var parent: pid_t? { fields.count > 1 ? pid_t(fields[1]) : nil }

    /// Resident now, in KiB.
    var memory: Int { number("VmRSS:", in: "status") }
    /// The most that was resident, in KiB.
    var peakMemory: Int { number("VmHWM:", in: "status") }
    /// Resident now without what is mapped from files, the program itself and its libraries, in KiB.
    var ownMemory: Int { number("RssAnon:", in: "status") }
    /// Open now.
    var descriptors: Int { (try? Folder.names(in: "/proc/\(pid)/fd"))?.count ?? -1 }

    /// CPU time of this process, in seconds.
    static var ownCPUTime: Double { time(of: CLOCK_PROCESS_CPUTIME_ID) }

    private static func time(of clock: clockid_t) -> Double {
        var time = timespec()
        clock_gettime(clock, &time)
        return Double(time.tv_sec) + Double(time.tv_nsec) / 1e9
    }

    /// Those of `/proc/…/stat` after the name, which is in parentheses: state, parent, …; the 12th to 15th are times.
    private var fields: [Substring] { read("stat").split(separator: ")").last?.split(separator: " ") ?? [] }

    private func time(at index: Int) -> Double {
        let fields = fields
        guard fields.count > index, let ticks = Double(fields[index]) else { return 0 }
        return ticks / Double(sysconf(Int32(_SC_CLK_TCK)))
    }

    private func number(_ name: String, in file: String) -> Int {
        let line = read(file).split(separator: "\n").first { $0.hasPrefix(name) }
        return line.flatMap { Int($0.dropFirst(name.count).filter(\.isNumber)) } ?? -1
    }

    private func read(_ file: String) -> String { (try? File.readText("/proc/\(pid)/\(file)", atMost: 1 << 20)) ?? "" }
}
