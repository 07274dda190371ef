/// Where a setting's value came from.
package enum SettingOrigin: String, Sendable, Codable {
    case flag, environment, file, `default`
}
