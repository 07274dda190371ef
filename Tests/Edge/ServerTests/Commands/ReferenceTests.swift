import Broker
import Bytes
import Formats
import Foundation
import Installation
import Server
import TestSupport
import Testing

@Suite("Documents that are made from the settings")
struct ReferenceTests {
    private func file(_ path: String) throws -> String {
        let root = Project.root
        return try String(contentsOf: root.appending(path: path), encoding: .utf8)
    }

    @Test("The example file and the table are those that this program makes: run `make reference` if not")
    func upToDate() throws {
        #expect(try file("packaging/kbs.toml.example") == SettingsReference.exampleFile)
        #expect(try file("docs/settings.md").contains("\n\(SettingsReference.table)"))
    }

    /// The example file's settings without the `#` before each.
    private var examples: [Substring] {
        SettingsReference.exampleFile.split(separator: "\n").compactMap { line in
            line.first == "#" && !line.hasPrefix("# ") ? line.dropFirst() : nil
        }
    }

    @Test("Every setting in the example file is TOML when its # is taken away, and means its default")
    func exampleIsTOML() throws {
        #expect(examples.count == SettingKey.allCases.count)
        for (line, key) in zip(examples, SettingKey.allCases) {
            var entry = try TOML.read(Array(line.utf8)).entries.first
            for name in key.name.split(separator: ".") {
                #expect(entry?.key.text == String(name))
                entry = entry?.table?.entries.first ?? entry
            }
            let text: String? =
                switch entry?.value {
                case .text(let text): text
                case .integer(let number): "\(number)"
                case .bool(let bool): "\(bool)"
                default: nil
                }
            #expect(text == key.defaultText, "\(line)")
        }
        #expect(examples.contains("socket.mode = \"660\""), "a bare 0o660 would be 432")
    }

    @Test("The example file with every default in force means what no file means")
    func exampleIsDefault() throws {
        let folder = try TemporaryFolder()
        let lines = examples.filter { !$0.hasSuffix("= \"\"") }
        #expect(lines.count == SettingKey.allCases.count { !$0.defaultText.isEmpty })
        let example = folder.file("kbs.toml")
        try Data(lines.joined(separator: "\n").utf8).write(to: example)
        let from = try Settings.resolve(flags: [:], environment: [:], file: example).settings
        let none = try Settings.resolve(flags: [:], environment: [:], file: nil).settings
        #expect(from.texts == none.texts)
        #expect(from.lifetimes.challenge == Settings().lifetimes.challenge)
        #expect(from.limits == none.limits && from.tls == none.tls && from.listen == none.listen)
        #expect(from.metricsNetworks == none.metricsNetworks && from.masterKeys == none.masterKeys)
    }

    @Test("Where each setting came from is known")
    func origins() throws {
        let folder = try TemporaryFolder()
        let file = folder.file("kbs.toml")
        try Data("listen = \"127.0.0.1:1\"\nlimits.burst = 7\ndata = \"x\"".utf8).write(to: file)
        let settings = try Settings.resolve(
            flags: [.listen: "127.0.0.1:3"], environment: ["KBS_LISTEN": "127.0.0.1:2", "KBS_DATA": "y"], file: file
        ).settings
        #expect(settings.origins == [.listen: .flag, .data: .environment, .limitBurst: .file])
        #expect(settings.texts["listen"] == "127.0.0.1:3" && settings.texts["limits.burst"] == "7")
    }

    @Test("The command lists every setting with its value and origin")
    func command() async throws {
        let listed = try await Command.run(
            "settings", "--set", "limits.burst=9", environment: ["KBS_LOG_LEVEL": "debug"])
        #expect(listed.status == 0)
        let rows = listed.output.split(separator: "\n").map { $0.split(separator: " ").map(String.init) }
        #expect(rows.count == SettingKey.allCases.count + 1)
        #expect(rows.contains(["limits.burst", "flag", "9"]) && rows.contains(["log.level", "environment", "debug"]))
        #expect(rows.contains(["limits.body", "default", "262144"]))
    }
}
