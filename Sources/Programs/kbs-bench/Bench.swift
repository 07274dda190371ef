import Arguments
import Glibc
import HTTPClient

/// Measures servers as processes of their own, from outside: docs/performance.md and docs/scale.md explain the figures.
@main
enum Program {
    static func main() async {
        signal(SIGPIPE, SIG_IGN)
        HTTPClientLibrary.prepareProcess()
        await Bench.main()
    }
}

struct Bench: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "kbs-bench", abstract: "Measure key brokers under load.",
        subcommands: [SingleServerBench.self, SoakBench.self], defaultSubcommand: SingleServerBench.self)
}

func micro(_ seconds: Double) -> String { seconds.isNaN ? "-" : "\(Int((seconds * 1e6).rounded())) µs" }

func milli(_ seconds: Double) -> String { seconds.isNaN ? "-" : "\((seconds * 1e4).rounded() / 10) ms" }

/// Prints at once, also into a file: a measurement takes minutes.
func report(_ line: String) {
    print(line)
    fflush(nil)
}
