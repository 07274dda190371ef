import CoreMetrics
import Synchronization

/// A number that many threads add to. A class, because atomics cannot be elements of an array.
final class AtomicCell: Sendable {
    private let value = Atomic<Int64>(0)

    var count: Int64 { value.load(ordering: .relaxed) }

    func add(_ amount: Int64) { value.wrappingAdd(amount, ordering: .relaxed) }
}

/// What a series adds to its family's part of the page.
protocol PrometheusSeries: AnyObject, Sendable {
    /// Lines, each with its line feed.
    ///
    /// - Parameter labels: `a="b",c="d"`, escaped; may be empty.
    func render(_ definition: MetricDefinition, labels: String, into page: inout String)
}

/// Only goes up.
final class PrometheusCounter: CounterHandler, PrometheusSeries {
    private let cell = AtomicCell()

    func increment(by amount: Int64) { if amount > 0 { cell.add(amount) } }

    /// Prometheus's counters begin again with the process only.
    func reset() {}

    func render(_ definition: MetricDefinition, labels: String, into page: inout String) {
        let count = cell.count
        guard count != 0 || !definition.omitsZeros else { return }
        page += "\(definition.name)\(labels.inBraces) \(count)\n"
    }
}

/// Goes up and down.
final class PrometheusGauge: MeterHandler, RecorderHandler, PrometheusSeries {
    private let bits = Atomic<UInt64>(0)

    func set(_ value: Int64) { set(Double(value)) }
    func set(_ value: Double) { bits.store(value.bitPattern, ordering: .relaxed) }
    func record(_ value: Int64) { set(value) }
    func record(_ value: Double) { set(value) }
    func decrement(by amount: Double) { increment(by: -amount) }

    func increment(by amount: Double) {
        var old = bits.load(ordering: .relaxed)
        while true {
            let new = (Double(bitPattern: old) + amount).bitPattern
            let (exchanged, original) = bits.weakCompareExchange(expected: old, desired: new, ordering: .relaxed)
            if exchanged { return }
            old = original
        }
    }

    func render(_ definition: MetricDefinition, labels: String, into page: inout String) {
        page += "\(definition.name)\(labels.inBraces) \(Double(bitPattern: bits.load(ordering: .relaxed)).exported)\n"
    }
}

/// Counts values by their size, in buckets that never change.
///
/// It counts whole units (nanoseconds, writes), so that adding needs no lock. A scrape amid an
/// addition may see the bucket before the sum: Prometheus takes that for granted.
final class PrometheusHistogram: TimerHandler, RecorderHandler, PrometheusSeries {
    /// Upper bounds in recorded units, ascending.
    private let bounds: [Int64]
    /// One more than bounds: the last is for all that is larger.
    private let cells: [AtomicCell]
    private let sum = AtomicCell()

    init(_ definition: MetricDefinition) {
        bounds = definition.buckets.map { Int64(($0 * definition.scale).rounded()) }
        cells = (0...bounds.count).map { _ in AtomicCell() }
    }

    func recordNanoseconds(_ duration: Int64) { record(duration) }

    func record(_ value: Int64) {
        cells[bounds.firstIndex { value <= $0 } ?? bounds.count].add(1)
        sum.add(value)
    }

    func record(_ value: Double) { record(Int64(exactly: value.rounded()) ?? 0) }

    func render(_ definition: MetricDefinition, labels: String, into page: inout String) {
        let counts = cells.map(\.count)
        guard !definition.omitsZeros || counts.contains(where: { $0 != 0 }) else { return }
        let comma = labels.isEmpty ? "" : ","
        var total: Int64 = 0
        for (count, bound) in zip(counts, definition.buckets.map(\.exported) + ["+Inf"]) {
            total += count
            page += "\(definition.name)_bucket{\(labels)\(comma)le=\"\(bound)\"} \(total)\n"
        }
        page += "\(definition.name)_sum\(labels.inBraces) \((Double(sum.count) / definition.scale).exported)\n"
        page += "\(definition.name)_count\(labels.inBraces) \(total)\n"
    }
}

extension Double {
    /// A whole number without its point, as people write it.
    var exported: String {
        if isNaN { return "NaN" }
        if isInfinite { return self > 0 ? "+Inf" : "-Inf" }
        return Int64(exactly: self).map(String.init) ?? String(self)
    }
}

extension String {
    var inBraces: String { isEmpty ? "" : "{\(self)}" }
}
