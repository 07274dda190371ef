import Arguments
import Broker
import Evidence
import Files
import FoundationEssentials
import Installation

/// Options for the most used settings, and `--set` for any. Names, meanings and defaults are those of ``SettingKey``.
struct SettingsOptions: ParsableArguments {
    @Option(name: .customLong("config"), help: "A settings file in TOML (environment: KBS_CONFIG).")
    var config: String?

    @Option(help: ArgumentHelp(SettingKey.listen.helpWithDefault, valueName: "address:port"))
    var listen: String?
    @Option(help: ArgumentHelp(SettingKey.data.helpWithDefault, valueName: "folder"))
    var data: String?
    @Option(help: ArgumentHelp(SettingKey.keysMaster.helpWithDefault, valueName: "source"))
    var keysMaster: String?
    @Option(help: ArgumentHelp(SettingKey.tlsCertificate.helpWithDefault, valueName: "file"))
    var tlsCertificate: String?
    @Option(help: ArgumentHelp(SettingKey.tlsKey.helpWithDefault, valueName: "file"))
    var tlsKey: String?
    @Option(help: ArgumentHelp(SettingKey.tlsClientCA.helpWithDefault, valueName: "file"))
    var tlsClientCa: String?
    @Flag(help: ArgumentHelp(SettingKey.insecureHTTP.helpWithDefault))
    var insecureHttp = false
    @Option(help: ArgumentHelp(SettingKey.endorsementsKDS.helpWithDefault, valueName: "url"))
    var endorsementsKds: String?

    @Option(help: "A JSON file with roots of simulated hardware to trust. For trials only: never with real secrets.")
    var trustSimulatedRoot: String?

    @Flag(
        help:
            "Attest guests without hardware (sample evidence). For trials only: anyone can be such a guest."
    )
    var allowSample = false

    @Option(name: .customLong("set"), help: "Any setting, by its name in the file. May be repeated.")
    var set: [SettingAssignment] = []

    private var flags: [SettingKey: String] {
        let given: [SettingKey: String?] = [
            .listen: listen, .data: data, .keysMaster: keysMaster, .tlsCertificate: tlsCertificate, .tlsKey: tlsKey,
            .tlsClientCA: tlsClientCa, .insecureHTTP: insecureHttp ? "true" : nil, .endorsementsKDS: endorsementsKds,
        ]
        return given.compactMapValues { $0 }
            .merging(set.map { ($0.key, $0.value) }) { $1 }
    }

    func advice(onUnknown option: String) -> String? {
        SettingKey.allCases.first { $0.flagName == option }.map { "Any setting is given by --set \($0.name)=VALUE" }
    }

    /// The settings from all sources, and the unknown environment variables named `KBS_…`.
    func resolve() throws -> (settings: Settings, unknownVariables: [String]) {
        let environment = ProcessInfo.processInfo.environment
        let file = config ?? environment["KBS_CONFIG"]
        var (settings, unknown) = try Settings.resolve(
            flags: flags, environment: environment, file: file.map { URL(filePath: $0) })
        if let trustSimulatedRoot { settings.simulatedRoots = try SimulatedRoots(file: trustSimulatedRoot) }
        settings.policy.allowsSample = allowSample
        return (settings, unknown)
    }
}

extension SettingsOptions {
    /// The settings for a command that works on a data folder and asks no server.
    ///
    /// - Throws: ``ValidationError`` where other commands would ask the server of KBS_URL: a folder beside it is not meant.
    func resolveFolder() throws -> Settings {
        let url = ProcessInfo.processInfo.environment["KBS_URL"] ?? ""
        guard url.isEmpty || config != nil || flags[.data] != nil else {
            throw ValidationError(
                "KBS_URL is set, and this works on a data folder: name the server's with --data, on its machine")
        }
        return try resolve().settings
    }
}

extension SimulatedRoots {
    init(file: String) throws {
        do {
            self = try JSONDecoder().decode(Self.self, from: Data(try File.read(file, atMost: 1 << 20)))
        } catch {
            throw InvalidSetting("\(file) is not a file of simulated roots (`kbs demo prepare` makes one)")
        }
    }
}

/// `name=value`, on the command line.
struct SettingAssignment: ExpressibleByArgument {
    let key: SettingKey
    let value: String

    init?(argument: String) {
        let parts = argument.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false)
        guard parts.count == 2, let key = SettingKey.named(String(parts[0])) else { return nil }
        (self.key, value) = (key, String(parts[1]))
    }

    static func reason(against word: String) -> String? {
        guard let mark = word.firstIndex(of: "=") else { return "It is NAME=VALUE." }
        return "There is no setting \"\(word[..<mark])\": `kbs settings` lists them all."
    }
}
