import Arguments
import Commands
import Foundation
import TestSupport
import Testing

@Suite("The command line as it is declared")
struct DeclarationTests {
    private struct Dump: Decodable {
        struct Argument: Decodable { let abstract: String?, valueName: String }
        struct Command: Decodable {
            let commandName: String
            let abstract: String?
            let superCommands: [String]?
            let arguments: [Argument]?
            let subcommands: [Command]?

            var all: [Command] { [self] + (subcommands ?? []).flatMap(\.all) }
            var path: [String] { Array(((superCommands ?? []) + [commandName]).dropFirst()) }
        }
        let command: Command
    }

    private func commands() async throws -> [Dump.Command] {
        let text = await KBS.ending(of: ["--experimental-dump-help"]).output
        return try JSONDecoder().decode(Dump.self, from: Data(text.utf8)).command.all
    }

    @Test("Every declaration can be used")
    func faults() { #expect(KBS.declarationFaults.isEmpty) }

    @Test("Every command and every argument says what it is for")
    func explained() async throws {
        let commands = try await commands()
        #expect(commands.count > 70)
        for command in commands where command.commandName != "help" {
            #expect(command.abstract?.isEmpty == false, "\(command.path)")
            for argument in command.arguments ?? [] {
                #expect(argument.abstract?.isEmpty == false, "\(command.path) \(argument.valueName)")
            }
        }
    }

    @Test("Help fits a terminal of 80 characters")
    func widths() async throws {
        for command in try await commands() {
            let lines = KBS.helpMessage(for: command.path).split(separator: "\n")
            // Usage is one line to be copied, and a word is not cut.
            for line in lines where !line.hasPrefix("USAGE: ") && line.contains(" ") {
                #expect(line.count <= 80, "\(command.path)")
            }
        }
    }

    @Test("What a command finds wrong is said with that command's usage")
    func usage() async {
        #expect(
            await KBS.ending(of: ["sessions", "end"]).errors.hasPrefix(
                """
                Error: say which: a session's id, --workload, --chip, --issuer, or --all alone
                Usage: kbs sessions end 
                """))
        #expect(
            await KBS.ending(of: ["keys", "create"])
                == Ending(
                    status: 64,
                    errors: """
                        Error: name --pkcs11 URI or --file PATH
                        Usage: kbs keys create [--pkcs11 <pkcs11>] [--file <file>]
                          See 'kbs keys create --help' for more information.

                        """))
    }

    @Test(
        "A setting without an option of its own is answered with what to type",
        arguments: ["serve", "settings", "doctor", "keys status"],
        [("--challenge-lifetime", "challenge.lifetime"), ("--snp-minimum-tcb-milan", "snp.minimum_tcb.milan")])
    func setting(_ command: String, _ option: (typed: String, name: String)) async {
        let ending = await KBS.ending(of: command.split(separator: " ").map(String.init) + [option.typed, "x"])
        #expect(ending.status == 64)
        #expect(
            ending.errors.hasPrefix(
                "Error: Unknown option '\(option.typed)'. Any setting is given by --set \(option.name)=VALUE\n"))
    }

    @Test("The manual and the completions are read without a word of complaint")
    func made() async throws {
        let shell = try Shell()
        for name in ["bash", "zsh", "fish"] where Programs.has(name) {
            let result = try await shell("$KBS --generate-completion-script \(name) >script && \(name) -n script")
            #expect(result == ProgramResult())
        }
        guard Programs.has("groff") else { return }
        #expect(try await shell("$KBS --generate-manual | groff -man -Tutf8 -ww >/dev/null") == ProgramResult())
    }
}
