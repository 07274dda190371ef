import Arguments
import Server

struct HealthCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "health", abstract: "Ask the server on this machine whether it is ready, for a supervisor.",
        discussion: """
            Give it the settings of the server: flags, environment and file. Exit status: 0 if it is ready, 1 if it is \
            not ready or does not answer.
            """)

    @OptionGroup var options: SettingsOptions

    func run() async throws {
        let server = OwnServer(try options.resolve().settings)
        guard let (isReady, text) = try? await server.readiness() else {
            print("nobody answers")
            throw ExitCode(1)
        }
        print(text, terminator: "")
        guard isReady else { throw ExitCode(1) }
    }
}
