import Synchronization

/// A counter, gauge or histogram with its labels.
protocol Series: AnyObject, Sendable {
    /// Appends the series' lines, each with a line feed.
    ///
    /// - Parameter labels: `a="b",c="d"`, escaped; may be empty.
    func render(_ definition: MetricDefinition, labels: String, into page: inout String)
}

public final class Counter: Series {
    private let value = Atomic<Int64>(0)

    var count: Int64 { value.load(ordering: .relaxed) }

    public func increment(by amount: Int64 = 1) {
        if amount > 0 { value.wrappingAdd(amount, ordering: .relaxed) }
    }

    func render(_ definition: MetricDefinition, labels: String, into page: inout String) {
        let count = count
        guard count != 0 || !definition.omitsZeros else { return }
        page += "\(definition.name)\(labels.inBraces) \(count)\n"
    }
}

public final class Gauge: Series {
    private let bits = Atomic<UInt64>(0)

    public func set(_ value: Double) { bits.store(value.bitPattern, ordering: .relaxed) }
    public func set(_ value: Int) { set(Double(value)) }
    public func decrement(by amount: Double = 1) { increment(by: -amount) }

    public func increment(by amount: Double = 1) {
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

/// Counts values by size, in fixed buckets.
///
/// Values are whole units (nanoseconds, writes), so that recording needs no lock. A scrape within a recording may see the
/// bucket without the sum, which Prometheus tolerates.
public final class Histogram: Series {
    /// Upper bounds in recorded units, ascending.
    private let bounds: [Int64]
    /// One for each bound, and one for larger values.
    private let cells: [Counter]
    private let sum = Counter()

    init(_ definition: MetricDefinition) {
        bounds = definition.buckets.map { Int64(($0 * definition.scale).rounded()) }
        cells = (0...bounds.count).map { _ in Counter() }
    }

    /// - Parameter value: in whole units, not negative.
    public func record(_ value: Int64) {
        cells[bounds.firstIndex { value <= $0 } ?? bounds.count].increment()
        sum.increment(by: value)
    }

    public func record(_ value: Int) { record(Int64(value)) }

    /// In nanoseconds.
    public func record(_ duration: Duration) { record(duration.nanoseconds) }

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

extension Duration {
    /// Clamped to the largest number.
    public var nanoseconds: Int64 {
        let (seconds, attoseconds) = components
        let (whole, overflowed) = seconds.multipliedReportingOverflow(by: 1_000_000_000)
        let (sum, isTooLarge) = whole.addingReportingOverflow(attoseconds / 1_000_000_000)
        return overflowed || isTooLarge ? .max : sum
    }
}

extension Double {
    /// A whole number without a decimal point.
    fileprivate var exported: String {
        if isNaN { return "NaN" }
        if isInfinite { return self > 0 ? "+Inf" : "-Inf" }
        return Int64(exactly: self).map(String.init) ?? String(self)
    }
}

extension String {
    fileprivate var inBraces: String { isEmpty ? "" : "{\(self)}" }
}
