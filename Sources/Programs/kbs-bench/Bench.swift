import Arguments
import Glibc
import HTTPClient

/// Measures servers as processes of their own, from outside: docs/performance.md and docs/scale.md explain the figures.
@main
enum Program {
    static func main() async {
        signal(SIGPIPE, SIG_IGN)
        HTTPClientLibrary.prepareProcess()
        raiseDescriptorLimit()
        await Bench.main()
    }

    /// Ten thousand connections are as many descriptors, here and in the server.
    private static func raiseDescriptorLimit() {
        var limit = rlimit()
        guard getrlimit(__rlimit_resource_t(RLIMIT_NOFILE.rawValue), &limit) == 0 else { return }
        limit.rlim_cur = limit.rlim_max
        setrlimit(__rlimit_resource_t(RLIMIT_NOFILE.rawValue), &limit)
    }
}

struct Bench: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "kbs-bench", abstract: "Measure key brokers under load.",
        subcommands: [SingleServerBench.self, ClusterBench.self, SoakBench.self, HostileBench.self],
        defaultSubcommand: SingleServerBench.self)
}

func micro(_ seconds: Double) -> String { seconds.isNaN ? "-" : "\(Int((seconds * 1e6).rounded())) µs" }

func milli(_ seconds: Double) -> String { seconds.isNaN ? "-" : "\((seconds * 1e4).rounded() / 10) ms" }

func megabytes(_ kibibytes: Int) -> Int { kibibytes * 1_024 / 1_000_000 }

func decimal(_ value: Double, _ places: Int = 2) -> String {
    let scale = places == 1 ? 10 : 100
    let number = Int((value * Double(scale)).rounded())
    let fraction = "\(number % scale)"
    return "\(number / scale).\(String(repeating: "0", count: places - fraction.count))\(fraction)"
}

/// Prints at once, also into a file: a measurement takes minutes.
func report(_ line: String) {
    print(line)
    fflush(nil)
}
