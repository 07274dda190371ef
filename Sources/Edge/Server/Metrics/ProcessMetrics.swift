import Files
import Glibc
import Installation
import Metrics
import Release

/// The kernel's figures about this process, read at each scrape; left out without /proc.
struct ProcessMetrics: Sendable {
    private let userTime: Gauge
    private let systemTime: Gauge
    private let memory: Gauge
    private let descriptors: Gauge
    private let replacedFiles: Gauge

    init(_ registry: PrometheusRegistry) {
        registry.gauge(.buildInfo, ("version", Build.version), ("swift", Build.swift)).set(1)
        for library in RunningLibraries.current.libraries {
            registry.gauge(.libraryInfo, ("library", library.name), ("version", library.version)).set(1)
        }
        registry.gauge(.fipsMode).set(RunningLibraries.current.isFIPSMode ? 1 : 0)
        registry.gauge(.mlKEM).set(RunningLibraries.current.hasMLKEM ? 1 : 0)
        replacedFiles = registry.gauge(.replacedFiles)
        userTime = registry.gauge(.cpu, ("mode", "user"))
        systemTime = registry.gauge(.cpu, ("mode", "system"))
        memory = registry.gauge(.memory)
        descriptors = registry.gauge(.descriptors)
        if let started = Self.startTime() { registry.gauge(.started).set(started) }
        var limit = rlimit()
        if getrlimit(__rlimit_resource_t(RLIMIT_NOFILE.rawValue), &limit) == 0 {
            registry.gauge(.mostDescriptors).set(Double(limit.rlim_cur))
        }
    }

    func sample() {
        if let fields = Self.statistics(), let user = fields(14), let system = fields(15) {
            userTime.set(user / Self.ticks)
            systemTime.set(system / Self.ticks)
        }
        if let pages = Self.words("/proc/self/statm").dropFirst().first.flatMap({ Double($0) }) {
            memory.set(pages * Double(sysconf(Int32(_SC_PAGESIZE))))
        }
        if let files = MappedFiles() { replacedFiles.set(files.replaced.count) }
        if let open = try? Folder.names(in: "/proc/self/fd").count {
            // One descriptor is the listing's own.
            descriptors.set(Double(max(open - 1, 0)))
        }
    }

    private static let ticks = Double(sysconf(Int32(_SC_CLK_TCK)))

    /// The start in Unix time. Source: proc(5), `starttime` of the process's stat and `btime` of the system's.
    private static func startTime() -> Double? {
        let system = words("/proc/stat")
        guard let label = system.firstIndex(of: "btime"), system.index(after: label) < system.endIndex,
            let boot = Double(system[system.index(after: label)]), let start = statistics()?(22)
        else { return nil }
        return boot + start / ticks
    }

    /// The fields of /proc/self/stat by their number in proc(5). The program's name, which may hold
    /// anything, is the second.
    private static func statistics() -> ((Int) -> Double?)? {
        guard let text = try? File.readText("/proc/self/stat", atMost: 65_536),
            let end = text.lastIndex(of: ")")
        else { return nil }
        let fields = text[text.index(after: end)...].split(separator: " ")
        return { number in
            fields.indices.contains(number - 3) ? Double(fields[number - 3]) : nil
        }
    }

    private static func words(_ file: String) -> [Substring] {
        (try? File.readText(file, atMost: 1 << 20))?.split(whereSeparator: \.isWhitespace) ?? []
    }
}
