/// The origin of a setting's value.
package enum SettingOrigin: String, Sendable, Codable {
    case flag, environment, file, `default`
}

/// A setting: its name, its meaning, and the parsing of its value.
///
/// The name is the same in the file (`challenge.lifetime`), in the environment (`KBS_CHALLENGE_LIFETIME`) and on the
/// command line (`--set challenge.lifetime=5m`); a few are options too (`--tls-key`). Each topic has a file that lists
/// its settings.
package struct SettingKey: Sendable, Hashable {
    /// As in the file, e.g. `challenge.lifetime`.
    package let name: String
    /// One line for an operator.
    package let help: String
    /// In written form; `""` if it is unset by default.
    package let defaultText: String
    /// A variable of another standard for it; ``environmentName`` takes precedence.
    let otherVariable: String?
    /// A value without a password in it, for display.
    let shown: @Sendable (String) -> String
    private let put: @Sendable (SettingValue, inout Settings) throws -> Void

    init(
        _ name: String, _ help: String, default defaultText: String = "", otherVariable: String? = nil,
        shown: @escaping @Sendable (String) -> String = { $0 },
        put: @escaping @Sendable (SettingValue, inout Settings) throws -> Void
    ) {
        self.name = name
        self.help = help
        self.defaultText = defaultText
        self.otherVariable = otherVariable
        self.shown = shown
        self.put = put
    }

    /// E.g. `KBS_CHALLENGE_LIFETIME`.
    package var environmentName: String { "KBS_" + name.uppercased().replacing(".", with: "_") }

    /// As an option of the command line, e.g. `--tls-client-ca`.
    package var flagName: String { "--" + name.replacing(".", with: "-").replacing("_", with: "-") }

    /// The help with the default, for a flag.
    package var helpWithDefault: String {
        defaultText.isEmpty ? "\(help)." : "\(help) (default \(defaultText))."
    }

    /// Parses a value into the settings.
    ///
    /// - Parameter name: the name in errors; `nil`: the setting's own.
    /// - Throws: ``InvalidSetting``.
    package func apply(_ text: String, to settings: inout Settings, as name: String? = nil) throws {
        try put(SettingValue(name: name ?? self.name, text: text), &settings)
    }

    package static func == (a: SettingKey, b: SettingKey) -> Bool { a.name == b.name }
    package func hash(into hasher: inout Hasher) { hasher.combine(name) }

    /// All settings, in the order of the documentation.
    package static let allCases: [SettingKey] =
        listening + storage + transport + limits + masterKeys + guests + guestComponents + policyAgent + endorsements
        + administration + observing + tracing

    package static func named(_ name: String) -> SettingKey? { byName[name] }

    private static let byName = Dictionary(uniqueKeysWithValues: allCases.map { ($0.name, $0) })
}
