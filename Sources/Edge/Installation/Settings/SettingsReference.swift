/// The documents that are generated from ``SettingKey/allCases``.
package enum SettingsReference {
    /// `kbs.toml.example`: each setting with its meaning and default, commented out.
    package static var exampleFile: String {
        """
        # Settings of swift-kbs. Each has its default here; "" is none, but for registration.networks, where "" closes
        # administration over HTTP: leave it out for the default. Flags and the environment override this file.
        # Made by `kbs settings --example`.

        """
            + SettingKey.allCases.map { key in
                """

                # \(key.help).
                #\(key.name) = \(toml(key))

                """
            }.joined()
    }

    /// The table of docs/settings.md.
    package static var table: String {
        let rows = SettingKey.allCases.map { key in
            let value = key.defaultText.isEmpty ? "none" : "`\(key.defaultText)`"
            return "| `\(key.name)` | `\(key.environmentName)` | \(value) | \(escape(key.help)) |"
        }
        return (["| key in the file | environment | default | meaning |", "| --- | --- | --- | --- |"] + rows)
            .joined(separator: "\n") + "\n"
    }

    /// Whole numbers, true and false stand bare, all else in quotes: also `1.2` and a mode in octal.
    private static func toml(_ key: SettingKey) -> String {
        let text = key.defaultText
        return key != .socketMode && (Int(text) != nil || Bool(text) != nil) ? text : "\"\(text)\""
    }

    private static func escape(_ text: String) -> String {
        text.replacing("|", with: "\\|").replacing("<", with: "&lt;")
    }
}
