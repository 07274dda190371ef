package import Broker

extension Settings {
    /// The server's policy with some settings changed.
    ///
    /// - Parameter values: by name, in written form; settings `snp.*` and `sev.*` only.
    /// - Throws: a ``Refusal`` for another setting or an invalid value.
    package func policy(changing values: [String: String]) throws -> AppraisalPolicy {
        var settings = self
        for (name, text) in values.sorted(by: { $0.key < $1.key }) {
            guard name.hasPrefix("snp.") || name.hasPrefix("sev."), let key = SettingKey.named(name) else {
                throw Refusal(
                    .invalidField,
                    "\(name.prefix(64)) is not a setting about guests: those are snp.* and sev.*.")
            }
            do { try key.apply(text, to: &settings) } catch let error as InvalidSetting {
                throw Refusal(.invalidField, "\(error).")
            }
        }
        return settings.policy
    }
}
