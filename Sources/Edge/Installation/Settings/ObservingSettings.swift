import Bytes
import FoundationEssentials
import Logging

/// A part of the server with a logger of its own.
package enum Subsystem: String, Sendable, Hashable, CaseIterable {
    case kbs
    case http = "kbs.http"
    case broker = "kbs.broker"
    case endorsements = "kbs.endorsements"
    case storage = "kbs.storage"
    case audit = "kbs.audit"
    case administration = "kbs.admin"
    case tls = "kbs.tls"
}

/// Logs, metrics and readiness.
extension SettingKey {
    static let observing = [logFormat, logLevels, metricsNetworks, drainDelay]

    package static let logFormat = SettingKey(
        "log.format", "Form of a log line: text or json", default: "text"
    ) {
        guard let format = LogFormat(rawValue: $0.text.lowercased()) else { throw $0.invalid("text or json") }
        $1.logFormat = format
    }

    package static let logLevels = SettingKey(
        "log.levels", "Levels of some subsystems, e.g. kbs.http=debug,kbs.endorsements=trace"
    ) { value, settings in
        var levels: [Subsystem: Logger.Level] = [:]
        for entry in value.list() {
            let parts = entry.split(separator: "=", omittingEmptySubsequences: false)
                .map(\.trimmed)
            guard parts.count == 2, let subsystem = Subsystem(rawValue: parts[0]),
                let level = Logger.Level(rawValue: parts[1].lowercased())
            else {
                throw value.invalid(
                    "pairs such as kbs.http=debug, of \(Subsystem.allCases.map(\.rawValue).joined(separator: ", "))")
            }
            levels[subsystem] = level
        }
        settings.logLevels = levels
    }

    package static let metricsNetworks = SettingKey(
        "metrics.networks", "Networks that may read /metrics and the reasons in /readyz",
        default: "127.0.0.0/8, ::1/128"
    ) { $1.metricsNetworks = try $0.networks() }

    package static let drainDelay = SettingKey(
        "http.drain_delay", "How long to serve on after SIGTERM, so that a load balancer notices",
        default: "0s"
    ) { $1.drainDelay = ["0", "0s"].contains($0.text) ? 0 : try $0.duration(upTo: 3_600) }
}
