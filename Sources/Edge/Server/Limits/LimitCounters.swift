import Concurrency
import Lifecycle
import Logging

/// Counts how often each limit was reached since the start.
package final class LimitCounters: Sendable {
    /// The raw value is a metric's label, and must not change.
    package enum Limit: String, Sendable, Hashable, CaseIterable {
        /// 429 for `limits.requests_per_second`.
        case rate
        /// 503 for `limits.waiting_attestations`.
        case overload
        /// 503 for `limits.bodies`.
        case bodies
        /// `limits.connections` was reached: an idle connection was closed, or accepting paused.
        case connections
        /// A connection was closed for `limits.connections_per_address`.
        case connectionsPerAddress = "connections_per_address"
        /// Cut for `http.header_timeout`, `http.body_timeout` or `http.write_timeout`.
        case headerTimeout = "header_timeout"
        case bodyTimeout = "body_timeout"
        case writeTimeout = "write_timeout"
        /// A TLS handshake failed.
        case handshake = "tls_handshake"
    }

    private let counts = Lock<[Limit: Int]>([:])

    package init() {}

    package func count(_ limit: Limit) { counts.withLock { $0[limit, default: 0] &+= 1 } }

    package subscript(limit: Limit) -> Int { counts.withLock { $0[limit] ?? 0 } }

    /// The counts of every limit that was reached.
    package var all: [Limit: Int] { counts.withLock { $0 } }
}

/// Logs the limits that were reached, every 30 seconds: a line for each event would amplify a flood.
struct LimitReport: Service {
    let counters: LimitCounters
    let logger: Logger

    func run(until stop: StopRequest) async throws {
        var told: [LimitCounters.Limit: Int] = [:]
        while await stop.sleep(for: .seconds(30)) {
            let counts = counters.all
            let news = counts.filter { $0.value != told[$0.key] }
            told = counts
            guard !news.isEmpty else { continue }
            logger.notice(
                "Limits were reached; the counts are since the start.",
                metadata: Dictionary(uniqueKeysWithValues: news.map { ($0.key.rawValue, "\($0.value)") }))
        }
    }
}
