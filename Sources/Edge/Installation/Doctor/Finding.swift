/// What the doctor says of one thing.
package struct Finding: Sendable, Hashable, Codable {
    package enum Level: String, Sendable, Codable, Comparable {
        case ok, warning, problem

        package static func < (a: Level, b: Level) -> Bool { a.rank < b.rank }
        private var rank: Int { [.ok: 0, .warning: 1, .problem: 2][self] ?? 2 }
    }

    /// Stable, for tools, e.g. `tls.expiry`.
    package let check: String
    package let level: Level
    /// What was found. Never a secret.
    package let found: String
    /// What to do about it; empty when all is well.
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

/// Looks at one part of an installation. It changes nothing.
package protocol Examination: Sendable {
    func findings() async -> [Finding]
}

extension Finding {
    /// What is said when the settings themselves are wrong.
    package static func unusableSettings(_ error: InvalidSetting) -> Finding {
        .problem("settings", error.description, do: "correct it: a server with these settings does not start")
    }
}
