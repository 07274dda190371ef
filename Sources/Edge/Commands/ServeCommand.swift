import Arguments
import FoundationEssentials
import Installation
import Logging
import Server

struct ServeCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "serve", abstract: "Run the key broker.",
        discussion: """
            Every setting is a key of the TOML file (challenge.lifetime), an environment variable \
            (KBS_CHALLENGE_LIFETIME), and --set challenge.lifetime=5m here. The command line overrides the \
            environment, which overrides the file. `kbs settings` lists them.
            """)

    @OptionGroup var options: SettingsOptions

    func run() async throws {
        let (settings, unknown) = try options.resolve()
        KBSServer.prepareProcess(settings.logFormat)
        let loggers = Loggers(settings)
        let logger = loggers[.kbs]
        for name in unknown {
            logger.warning("The environment has a variable that is no setting.", metadata: ["name": "\(name)"])
        }
        try await KBSServer(
            settings, loggers: loggers, environment: ProcessInfo.processInfo.environment
        ).run()
    }
}
