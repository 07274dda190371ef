import Concurrency

/// Makes counters, gauges and histograms, and exports them in Prometheus' text format 0.0.4.
///
/// Making a series takes a lock: make those on the path of requests in advance. Only metrics that were defined when the
/// registry was made are exported. A series lives as long as the registry: Prometheus reads a missing one as a restart.
///
/// Source: https://prometheus.io/docs/instrumenting/exposition_formats/
public final class PrometheusRegistry: Sendable {
    public static let contentType = "text/plain; version=0.0.4; charset=utf-8"

    private struct Family {
        let definition: MetricDefinition
        var series: [String: any Series] = [:]
    }

    private let families: Lock<[String: Family]>
    private let order: [String]

    /// - Parameter definitions: the exported metrics, in their order.
    public init(_ definitions: [MetricDefinition]) {
        order = definitions.map(\.name)
        families = Lock(
            Dictionary(definitions.map { ($0.name, Family(definition: $0)) }, uniquingKeysWith: { first, _ in first }))
    }

    /// The counter with these labels, made on first use; likewise for gauges and histograms.
    ///
    /// - Returns: one that is not exported when the metric is not defined, or the series is of another kind.
    public func counter(_ definition: MetricDefinition, _ labels: (String, String)...) -> Counter {
        series(definition, labels) { Counter() }
    }

    /// A gauge; also for a metric that is defined as a counter and whose total is counted elsewhere.
    public func gauge(_ definition: MetricDefinition, _ labels: (String, String)...) -> Gauge {
        series(definition, labels) { Gauge() }
    }

    public func histogram(_ definition: MetricDefinition, _ labels: (String, String)...) -> Histogram {
        series(definition, labels) { Histogram(definition) }
    }

    /// The page, one family after another.
    public func render() -> String {
        families.withLock { families in
            var page = ""
            for name in order {
                guard let family = families[name] else { continue }
                var lines = ""
                for (labels, series) in family.series.sorted(by: { $0.key < $1.key }) {
                    series.render(family.definition, labels: labels, into: &lines)
                }
                guard !lines.isEmpty else { continue }
                page += "# HELP \(name) \(Self.escape(family.definition.help, quotes: false))\n"
                page += "# TYPE \(name) \(family.definition.kind.rawValue)\n"
                page += lines
            }
            return page
        }
    }

    private func series<Kind: Series>(
        _ definition: MetricDefinition, _ labels: [(String, String)], make: () -> Kind
    ) -> Kind {
        let name = definition.name
        let labels = labels.map { "\($0.0)=\"\(Self.escape($0.1, quotes: true))\"" }.joined(separator: ",")
        return families.withLock { families in
            if let known = families[name]?.series[labels] as? Kind { return known }
            let made = make()
            if families[name]?.series[labels] == nil { families[name]?.series[labels] = made }
            return made
        }
    }

    private static func escape(_ text: String, quotes: Bool) -> String {
        var escaped = ""
        for scalar in text.unicodeScalars {
            switch scalar {
            case "\\": escaped += "\\\\"
            case "\n": escaped += "\\n"
            case "\"" where quotes: escaped += "\\\""
            default: escaped.unicodeScalars.append(scalar)
            }
        }
        return escaped
    }
}
