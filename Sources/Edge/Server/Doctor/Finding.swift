/// What the doctor says of one thing.
public struct Finding: Sendable, Hashable, Codable {
    public enum Level: String, Sendable, Codable, Comparable {
        case ok, warning, problem

        public static func < (a: Level, b: Level) -> Bool { a.rank < b.rank }
        private var rank: Int { [.ok: 0, .warning: 1, .problem: 2][self] ?? 2 }
    }

    /// Stable, for tools, e.g. `tls.expiry`.
    public let check: String
    public let level: Level
    /// What was found. Never a secret.
    public let found: String
    /// What to do about it; empty when all is well.
    public let advice: String

    static func ok(_ check: String, _ found: String) -> Finding {
        Finding(check: check, level: .ok, found: found, advice: "")
    }

    static func warning(_ check: String, _ found: String, do advice: String) -> Finding {
        Finding(check: check, level: .warning, found: found, advice: advice)
    }

    static func problem(_ check: String, _ found: String, do advice: String) -> Finding {
        Finding(check: check, level: .problem, found: found, advice: advice)
    }
}

/// Looks at one part of an installation. It changes nothing.
protocol Examination: Sendable {
    func findings() async -> [Finding]
}

extension Finding {
    /// What is said when the settings themselves are wrong.
    public static func unusableSettings(_ error: InvalidSetting) -> Finding {
        .problem("settings", error.description, do: "correct it: a server with these settings does not start")
    }
}
