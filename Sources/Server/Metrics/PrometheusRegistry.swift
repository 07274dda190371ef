import CoreMetrics
import Synchronization

/// Makes swift-metrics' counters, meters and timers, and writes what they hold in Prometheus' text format 0.0.4.
///
/// Making a series takes a lock; whoever counts on the path of a request makes its own beforehand
/// and keeps it. It is handed to who needs it rather than bootstrapped for the whole process: a
/// library that counted by URL would otherwise fill it without a bound.
///
/// Source: https://prometheus.io/docs/instrumenting/exposition_formats/
final class PrometheusRegistry: MetricsFactory {
    static let contentType = "text/plain; version=0.0.4; charset=utf-8"

    private struct Family {
        let definition: MetricDefinition
        var series: [String: any PrometheusSeries] = [:]
    }

    private let families: Mutex<[String: Family]>
    private let order: [String]

    init(_ definitions: [MetricDefinition] = MetricDefinition.all) {
        order = definitions.map(\.name)
        families = Mutex(
            Dictionary(definitions.map { ($0.name, Family(definition: $0)) }, uniquingKeysWith: { first, _ in first }))
    }

    /// All that there is, one family after another.
    func render() -> String {
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

    /// The series with these labels; a new one if there is none.
    ///
    /// - Returns: a series that nobody will see when the metric is not defined, or is of another kind.
    private func series<Series: PrometheusSeries>(
        _ name: String, _ dimensions: [(String, String)], make: (MetricDefinition) -> Series
    ) -> Series {
        let labels = Self.labels(dimensions)
        return families.withLock { families in
            if let known = families[name]?.series[labels] as? Series { return known }
            let definition = families[name]?.definition
            let made = make(definition ?? MetricDefinition(name: name, help: "", kind: .counter))
            if families[name]?.series[labels] == nil { families[name]?.series[labels] = made }
            return made
        }
    }

    static func labels(_ dimensions: [(String, String)]) -> String {
        dimensions.map { "\($0.0)=\"\(escape($0.1, quotes: true))\"" }.joined(separator: ",")
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

    func makeCounter(label: String, dimensions: [(String, String)]) -> any CounterHandler {
        series(label, dimensions) { _ in PrometheusCounter() }
    }

    func makeMeter(label: String, dimensions: [(String, String)]) -> any MeterHandler {
        series(label, dimensions) { _ in PrometheusGauge() }
    }

    func makeRecorder(label: String, dimensions: [(String, String)], aggregate: Bool) -> any RecorderHandler {
        if aggregate { return series(label, dimensions) { PrometheusHistogram($0) } }
        return series(label, dimensions) { _ in PrometheusGauge() }
    }

    func makeTimer(label: String, dimensions: [(String, String)]) -> any TimerHandler {
        series(label, dimensions) { PrometheusHistogram($0) }
    }

    // A series stays for as long as the process: Prometheus reads one that ends as a restart.
    func destroyCounter(_ handler: any CounterHandler) {}
    func destroyMeter(_ handler: any MeterHandler) {}
    func destroyRecorder(_ handler: any RecorderHandler) {}
    func destroyTimer(_ handler: any TimerHandler) {}
}

extension PrometheusRegistry {
    func counter(_ definition: MetricDefinition, _ labels: (String, String)...) -> Counter {
        Counter(label: definition.name, dimensions: labels, factory: self)
    }

    func gauge(_ definition: MetricDefinition, _ labels: (String, String)...) -> Meter {
        Meter(label: definition.name, dimensions: labels, factory: self)
    }

    func timer(_ definition: MetricDefinition, _ labels: (String, String)...) -> Timer {
        Timer(label: definition.name, dimensions: labels, factory: self)
    }

    func sizes(_ definition: MetricDefinition) -> Recorder {
        Recorder(label: definition.name, dimensions: [], aggregate: true, factory: self)
    }
}
