import FoundationEssentials
import Logging

/// Where the server listens, and for how long.
extension SettingKey {
    static let listening = [listen, data, logLevel, idleTimeout, stopTimeout]

    public static let listen = SettingKey(
        "listen", "Address and port to listen on", default: "127.0.0.1:8080"
    ) { $1.listen = try $0.address() }

    public static let data = SettingKey(
        "data", "Folder for the database and the master key", default: "kbs-data"
    ) { $1.dataFolder = URL(filePath: try $0.nonEmpty()) }

    public static let logLevel = SettingKey(
        "log.level", "trace, debug, info, notice, warning, error or critical", default: "info"
    ) {
        guard let level = Logger.Level(rawValue: $0.text.lowercased()) else {
            throw $0.invalid("trace, debug, info, notice, warning, error or critical")
        }
        $1.logLevel = level
    }

    public static let idleTimeout = SettingKey(
        "http.idle_timeout", "Close a connection that is silent for so long", default: "60s"
    ) { $1.idleTimeout = try $0.duration() }

    public static let stopTimeout = SettingKey(
        "http.stop_timeout", "How long requests in flight may take after SIGTERM", default: "30s"
    ) { $1.stopTimeout = try $0.duration() }
}
