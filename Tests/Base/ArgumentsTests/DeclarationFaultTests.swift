import Arguments
import SampleCommands
import Testing

@Suite("Declarations that could not be used are found")
struct DeclarationFaultTests {
    private struct Twice: ParsableCommand {
        @Option(help: "") var name: String?
        @Flag(name: .customLong("name")) var other = false
        @Flag var help = false
    }

    private struct Places: ParsableCommand {
        @Argument(help: "") var first: String?
        @Argument var all: [String] = []
        @Argument var last: String
    }

    private struct Both: ParsableCommand {
        static let configuration = CommandConfiguration(
            subcommands: [Twice.self, Twice.self], defaultSubcommand: Places.self)
        @Flag var json = false
    }

    @Test("Names twice, places that cannot be reached, arguments beside commands")
    func faults() {
        #expect(Set(Twice.declarationFaults) == ["twice has --name twice", "twice has --help twice"])
        #expect(
            Places.declarationFaults == [
                "places: <all> leaves nothing for <last>",
                "places: <all> may be left out, and <last> behind it may not",
            ])
        #expect(
            Set(Both.declarationFaults.prefix(3)) == [
                "both has arguments of its own beside commands", "both has two commands of one name",
                "both: the default command places is not one of its own",
            ])
    }

    @Test("Sound ones have none")
    func sound() { #expect(Sample.declarationFaults.isEmpty) }
}
