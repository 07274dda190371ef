import Commands
import Foundation
import TestSupport
import Testing

@testable import Arguments

@Suite("The command line as it is declared")
struct DeclarationTests {
    private let commands = CommandPath(root: KBS.self).all

    @Test("Every declaration can be used")
    func faults() { #expect(KBS.declarationFaults.isEmpty) }

    @Test("Every command and every argument says what it is for")
    func explained() {
        #expect(commands.count > 70)
        for command in commands where command.command.name != "help" {
            #expect(!command.configuration.abstract.isEmpty, "\(command.text)")
            for argument in command.declarations {
                #expect(!argument.abstract.isEmpty, "\(command.text) \(argument.typed)")
            }
        }
    }

    @Test("Help fits a terminal of 80 characters")
    func widths() {
        for command in commands {
            let lines = KBS.helpMessage(for: Array(command.names.dropFirst())).split(separator: "\n")
            // Usage is one line to be copied, and a word is not cut.
            for line in lines where !line.hasPrefix("USAGE: ") && line.contains(" ") {
                #expect(line.count <= 80, "\(command.text)")
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
