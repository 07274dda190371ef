/// Where a setting's value came from.
public enum SettingOrigin: String, Sendable, Codable {
    case flag, environment, file, `default`
}
