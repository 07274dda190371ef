import Arguments
import Broker
import Crypto
import FoundationEssentials
import Installation
import MasterKeys

struct KeysCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "keys", abstract: "Show, rotate and retire master keys.",
        discussion: "These work on the data folder, also while a server runs on it. docs/keys.md explains them.",
        subcommands: [Status.self, Rotate.self, Retire.self, Create.self])

    struct Status: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "List the master keys' ids, and how much is sealed under each.")

        @OptionGroup var options: SettingsOptions
        @Flag(help: "Print JSON.") var json = false

        /// A key's state and use, in JSON.
        private struct Line: Encodable {
            let id, state: String
            let secrets, resources, serverKeys, sessions: Int
            let lastSession, activated, superseded, retired: Date?

            init(_ key: KeyCommands.Status) {
                let usage = key.usage
                (id, state) = (usage.id, key.state.rawValue)
                (secrets, resources) = (usage.secrets, usage.resources)
                (serverKeys, sessions) = (usage.serverKeys, usage.sessions)
                (lastSession, activated) = (usage.lastSession, usage.activated)
                (superseded, retired) = (usage.superseded, usage.retired)
            }
        }

        func run() async throws {
            let keys = try await KeyCommands(options.resolve().settings).status()
            if json { return try printJSON(keys.map(Line.init)) }
            print("key               state     secrets  resources  server keys  live sessions")
            for key in keys {
                let usage = key.usage
                let columns = [
                    usage.id.padding(to: 16), key.state.rawValue.padding(to: 8),
                    "\(usage.secrets)".padding(to: 7), "\(usage.resources)".padding(to: 9),
                    "\(usage.serverKeys)".padding(to: 11), "\(usage.sessions)",
                ]
                print(columns.joined(separator: "  "))
            }
        }
    }

    struct Rotate: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Make a new master key and reseal everything under it.",
            discussion: """
                A key in a file gets a successor there. With other sources, first put the new key into keys.master and \
                the old one into keys.previous. After an interruption run it again, or leave the rest to the server.
                """)

        @OptionGroup var options: SettingsOptions

        func run() async throws {
            var told = 0
            let rotation = try await KeyCommands(options.resolve().settings).rotate { progress in
                guard progress.resealed >= told + 1_000 else { return }
                told = progress.resealed
                print("\(told) sealed under the new key")
            }
            if rotation.isNewKey {
                print("Made the master key \(rotation.active), after \(rotation.before). Keep a copy of it elsewhere.")
            }
            print("\(rotation.progress.resealed) secrets and server keys were sealed under \(rotation.active).")
            for name in rotation.progress.unopened { print("does not open under any key: \(name)") }
            guard rotation.progress.unopened.isEmpty else { throw ExitCode(1) }
            guard rotation.isNewKey || rotation.progress.resealed > 0 else {
                print(
                    "There was nothing to do. For another key, put it into keys.master and this one into keys.previous."
                )
                return
            }
            if !rotation.isNewKey { print("That ends the rotation that was begun. Run this again for another key.") }
            print("When all guests have gone on, give up the old one: `kbs keys retire`.")
        }
    }

    struct Retire: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Retire previous master keys that are no longer needed.",
            discussion: "Keep a copy: backups from before the rotation can be read with the old key only.")

        @OptionGroup var options: SettingsOptions

        func run() async throws {
            let outcome = try await KeyCommands(options.resolve().settings).retire()
            for id in outcome.retired {
                let isRemoved = outcome.removedFromFile.contains(id)
                print("Retired \(id): \(isRemoved ? "it is removed from the file" : "remove it from keys.previous").")
            }
            for (id, reason) in outcome.kept { print("Kept \(id): \(reason).") }
            if outcome.retired.isEmpty && outcome.kept.isEmpty { print("There are no previous keys.") }
            guard outcome.kept.isEmpty else { throw ExitCode(1) }
        }
    }

    struct Create: ParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Make a master key in a PKCS #11 token, which it cannot leave, or in a new file.",
            discussion: """
                pkcs11:token=LABEL;object=LABEL?module-path=/path/to/library.so&pin-source=file:/path/to/pin
                A server makes its first key file itself; --file is for moving from another source to a file.
                """)

        @Option(help: "A URI of the token and the key, for keys.master.") var pkcs11: String?
        @Option(help: "The new file.") var file: String?

        func run() throws {
            switch (pkcs11, file) {
            case (let uri?, nil):
                let uri = try PKCS11URI(uri)
                try PKCS11Token.createKey(uri)
                tell(try PKCS11Token.deriveMasterKey(uri))
            case (nil, let file?):
                let file = KeyFile(URL(filePath: file))
                guard !file.exists else { throw ValidationError("the file is there: choose another name") }
                let key = SymmetricKey(size: .bits256)
                try file.write([key])
                tell(key)
            default: throw ValidationError("name --pkcs11 URI or --file PATH")
            }
        }

        private func tell(_ key: SymmetricKey) {
            print("Made the master key \(ServerKeys(master: key).id). Name it with keys.master.")
        }
    }
}
