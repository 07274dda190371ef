/// The settings as documents, made from ``SettingKey/allCases`` so that they cannot differ from the program.
package enum SettingsReference {
    /// `kbs.toml.example`: each setting commented out, with its meaning and default. Without the `#` it is TOML.
    package static var exampleFile: String {
        """
        # Settings of swift-kbs. Each is shown with its default, "" where there is none. Flags and the environment go before this file.
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

    /// A number, true and false stand bare; all else in quotes, `1.2` too, which is no number here, and a mode, which is
    /// one in octal.
    private static func toml(_ key: SettingKey) -> String {
        let text = key.defaultText
        return key != .socketMode && (Int(text) != nil || Bool(text) != nil) ? text : "\"\(text)\""
    }

    private static func escape(_ text: String) -> String {
        text.replacing("|", with: "\\|").replacing("<", with: "&lt;")
    }
}
