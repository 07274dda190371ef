package import Broker

extension Settings {
    /// What the server would accept with other settings, as an operator writes them.
    ///
    /// - Throws: a ``Refusal`` for what is no setting that guests are judged by, or has no such value.
    package func policy(changing values: [String: String]) throws -> AppraisalPolicy {
        var settings = self
        for (name, text) in values.sorted(by: { $0.key < $1.key }) {
            guard name.hasPrefix("snp.") || name.hasPrefix("sev."), let key = SettingKey.named(name) else {
                throw Refusal(
                    .invalidField,
                    "\(name.prefix(64)) is no setting that guests are judged by: those are snp.* and sev.*.")
            }
            do { try key.apply(text, to: &settings) } catch let error as InvalidSetting {
                throw Refusal(.invalidField, "\(error).")
            }
        }
        return settings.policy
    }
}
