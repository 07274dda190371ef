import Synchronization

/// What a series adds to its family's part of the page.
protocol Series: AnyObject, Sendable {
    /// Lines, each with its line feed.
    ///
    /// - Parameter labels: `a="b",c="d"`, escaped; may be empty.
    func render(_ definition: MetricDefinition, labels: String, into page: inout String)
}

/// Only goes up.
public final class Counter: Series {
    private let value = Atomic<Int64>(0)

    public func increment(by amount: Int64 = 1) {
        if amount > 0 { value.wrappingAdd(amount, ordering: .relaxed) }
    }

    func render(_ definition: MetricDefinition, labels: String, into page: inout String) {
        let count = value.load(ordering: .relaxed)
        guard count != 0 || !definition.omitsZeros else { return }
        page += "\(definition.name)\(labels.inBraces) \(count)\n"
    }
}

/// Goes up and down, or is set to what was read elsewhere.
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

/// Counts values by their size, in buckets that never change.
///
/// It counts whole units (nanoseconds, writes), so that adding needs no lock. A scrape amid an
/// addition may see the bucket before the sum: Prometheus takes that for granted.
public final class Histogram: Series {
    /// Upper bounds in recorded units, ascending.
    private let bounds: [Int64]
    /// One more than bounds: the last is for all that is larger.
    private let cells: [AtomicCell]
    private let sum = AtomicCell()

    init(_ definition: MetricDefinition) {
        bounds = definition.buckets.map { Int64(($0 * definition.scale).rounded()) }
        cells = (0...bounds.count).map { _ in AtomicCell() }
    }

    /// - Parameter value: in whole units.
    public func record(_ value: Int64) {
        cells[bounds.firstIndex { value <= $0 } ?? bounds.count].add(1)
        sum.add(value)
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

/// A number that many threads add to. A class, because atomics cannot be elements of an array.
private final class AtomicCell: Sendable {
    private let value = Atomic<Int64>(0)

    var count: Int64 { value.load(ordering: .relaxed) }

    func add(_ amount: Int64) { value.wrappingAdd(amount, ordering: .relaxed) }
}

extension Duration {
    /// As many as there are; the largest number if there are more.
    public var nanoseconds: Int64 {
        let (seconds, attoseconds) = components
        let (whole, overflowed) = seconds.multipliedReportingOverflow(by: 1_000_000_000)
        let (sum, isTooLarge) = whole.addingReportingOverflow(attoseconds / 1_000_000_000)
        return overflowed || isTooLarge ? .max : sum
    }
}

extension Double {
    /// A whole number without its point, as people write it.
    fileprivate var exported: String {
        if isNaN { return "NaN" }
        if isInfinite { return self > 0 ? "+Inf" : "-Inf" }
        return Int64(exactly: self).map(String.init) ?? String(self)
    }
}

extension String {
    fileprivate var inBraces: String { isEmpty ? "" : "{\(self)}" }
}
