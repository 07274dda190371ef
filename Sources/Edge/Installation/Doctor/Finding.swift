/// A result of the doctor.
package struct Finding: Sendable, Hashable, Codable {
    package enum Level: String, Sendable, Codable { case ok, warning, problem }

    /// Stable, for tools, e.g. `tls.expiry`.
    package let check: String
    package let level: Level
    /// The state that was found. Never a secret.
    package let found: String
    /// The remedy; empty for `ok`.
    package let advice: String

    package static func ok(_ check: String, _ found: String) -> Finding {
        Finding(check: check, level: .ok, found: found, advice: "")
    }

    package static func warning(_ check: String, _ found: String, do advice: String) -> Finding {
        Finding(check: check, level: .warning, found: found, advice: advice)
    }

    package static func problem(_ check: String, _ found: String, do advice: String) -> Finding {
        Finding(check: check, level: .problem, found: found, advice: advice)
    }
}

/// The examination of one part of an installation. It only reads.
package protocol Examination: Sendable {
    func findings() async -> [Finding]
}

extension Finding {
    /// The finding for settings that cannot be used.
    package static func unusableSettings(_ error: InvalidSetting) -> Finding {
        .problem("settings", error.description, do: "correct it: a server with these settings does not start")
    }
}
