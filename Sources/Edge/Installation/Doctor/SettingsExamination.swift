/// The settings' origins. Their values were checked by ``Settings/resolve(flags:environment:file:)``.
struct SettingsExamination: Examination {
    let settings: Settings
    let unknownVariables: [String]

    func findings() -> [Finding] {
        var counts: [SettingOrigin: Int] = [:]
        for origin in settings.origins.values { counts[origin, default: 0] += 1 }
        let origins: [SettingOrigin] = [.flag, .environment, .file]
        let told = origins.compactMap { origin in counts[origin].map { "\($0) from \(origin.rawValue)" } }
        let known = Finding.ok("settings", told.isEmpty ? "all have their defaults" : told.joined(separator: ", "))
        return [known]
            + unknownVariables.map {
                .warning(
                    "settings.environment", "\($0) is not a setting, and has no effect",
                    do: "correct its name (kbs settings --reference lists all), or remove it")
            }
    }
}
