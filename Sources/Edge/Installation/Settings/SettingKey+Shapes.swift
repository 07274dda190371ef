import FoundationEssentials

// Declarations of settings that are a truth value, a number, a time or a file.
extension SettingKey {
    /// `true` or `false`. The default is that of ``Settings``.
    static func bool(
        _ name: String, _ help: String, _ member: any WritableKeyPath<Settings, Bool> & Sendable
    ) -> SettingKey {
        SettingKey(name, help, default: "\(defaults[keyPath: member])") { $1[keyPath: member] = try $0.bool() }
    }

    /// A whole number. The default is that of ``Settings``.
    static func number(
        _ name: String, _ help: String, _ range: ClosedRange<Int>,
        _ member: any WritableKeyPath<Settings, Int> & Sendable
    ) -> SettingKey {
        SettingKey(name, help, default: "\(defaults[keyPath: member])") { $1[keyPath: member] = try $0.number(range) }
    }

    /// A time above zero, at most `most` seconds.
    static func duration(
        _ name: String, _ help: String, default defaultText: String, upTo most: TimeInterval = 31_536_000,
        _ member: any WritableKeyPath<Settings, TimeInterval> & Sendable
    ) -> SettingKey {
        SettingKey(name, help, default: defaultText) { $1[keyPath: member] = try $0.duration(upTo: most) }
    }

    /// A file's path; none by default.
    static func file(
        _ name: String, _ help: String, _ member: any WritableKeyPath<Settings, URL?> & Sendable
    ) -> SettingKey {
        SettingKey(name, help) { $1[keyPath: member] = $0.file() }
    }

    private static let defaults = Settings()
}
