/// The settings as documents, made from ``SettingKey/allCases`` so that they cannot differ from the program.
public enum SettingsReference {
    /// `kbs.toml.example`: each setting commented out, with its meaning and default.
    public static var exampleFile: String {
        """
        # Settings of swift-kbs. Each is shown with its default. Flags and the environment go before this file.
        # Made by `kbs settings --example`.

        """
            + SettingKey.allCases.map { key in
                let value = key.defaultText.isEmpty ? "" : " \(toml(key.defaultText))"
                return """

                    # \(key.help).
                    #\(key.name) =\(value)

                    """
            }.joined()
    }

    /// The table of docs/settings.md.
    public static var table: String {
        let rows = SettingKey.allCases.map { key in
            let value = key.defaultText.isEmpty ? "none" : "`\(key.defaultText)`"
            return "| `\(key.name)` | `\(key.environmentName)` | \(value) | \(escape(key.help)) |"
        }
        return (["| key in the file | environment | default | meaning |", "| --- | --- | --- | --- |"] + rows)
            .joined(separator: "\n") + "\n"
    }

    /// A number, true and false stand bare; all else in quotes, `1.2` too, which is no number here.
    private static func toml(_ text: String) -> String {
        Int(text) != nil || Bool(text) != nil ? text : "\"\(text)\""
    }

    private static func escape(_ text: String) -> String {
        text.replacing("|", with: "\\|").replacing("<", with: "&lt;")
    }
}
