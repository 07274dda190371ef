import Metrics
import Testing

@Suite("The Prometheus page")
struct PrometheusPageTests {
    private let counter = MetricDefinition(name: "c_total", help: "A \\ and\na line.", kind: .counter)
    private let quiet = MetricDefinition(name: "q_total", help: "Quiet.", kind: .counter, omitsZeros: true)
    private let gauge = MetricDefinition(name: "g", help: "Level.", kind: .gauge)
    private let seconds = MetricDefinition(
        name: "s_seconds", help: "Time.", kind: .histogram, buckets: [0.001, 0.5], scale: 1e9)

    @Test("Families have their help and type, and label values are escaped")
    func escaping() {
        let registry = PrometheusRegistry([counter])
        registry.counter(counter, ("a", "quote \" slash \\ line\nend"), ("b", "")).increment(by: 3)
        #expect(
            registry.render() == """
                # HELP c_total A \\\\ and\\na line.
                # TYPE c_total counter
                c_total{a="quote \\" slash \\\\ line\\nend",b=""} 3

                """)
    }

    @Test("A histogram's buckets are cumulative, an upper bound belongs to its bucket, and the sum is in seconds")
    func histogram() {
        let registry = PrometheusRegistry([seconds])
        let timer = registry.histogram(seconds, ("e", "x"))
        for nanoseconds in [1, 1_000_000, 1_000_001, 2_000_000_000] as [Int64] { timer.record(nanoseconds) }
        #expect(
            registry.render() == """
                # HELP s_seconds Time.
                # TYPE s_seconds histogram
                s_seconds_bucket{e="x",le="0.001"} 2
                s_seconds_bucket{e="x",le="0.5"} 3
                s_seconds_bucket{e="x",le="+Inf"} 4
                s_seconds_sum{e="x"} 2.002000002
                s_seconds_count{e="x"} 4

                """)
    }

    @Test("A gauge goes up and down")
    func gauges() {
        let registry = PrometheusRegistry([gauge])
        let meter = registry.gauge(gauge)
        meter.set(2.5)
        meter.increment(by: 3)
        meter.decrement()
        #expect(registry.render().hasSuffix("\ng 4.5\n"))
    }

    @Test("A series is one, however often it is made, and what is not defined is not exported")
    func identity() {
        let registry = PrometheusRegistry([counter])
        registry.counter(counter, ("a", "1")).increment()
        registry.counter(counter, ("a", "1")).increment()
        let undefined = MetricDefinition(name: "other_total", help: "", kind: .counter)
        registry.counter(undefined, ("url", "/secret")).increment()
        // Of another kind than the first with these labels.
        registry.gauge(counter, ("a", "1")).set(99)
        #expect(registry.render().hasSuffix("counter\nc_total{a=\"1\"} 2\n"))
    }

    @Test("Zero is shown, except where most series never occur")
    func zeros() {
        let registry = PrometheusRegistry([counter, quiet])
        let first = registry.counter(quiet, ("a", "1"))
        _ = registry.counter(quiet, ("a", "2"))
        _ = registry.counter(counter)
        #expect(registry.render().contains("\nc_total 0\n"))
        #expect(!registry.render().contains("q_total"))
        first.increment()
        #expect(registry.render().hasSuffix("counter\nq_total{a=\"1\"} 1\n"))
    }

    @Test("Nothing that many threads count is lost")
    func threads() async {
        let registry = PrometheusRegistry([counter, gauge, seconds])
        let (count, level, timer) = (registry.counter(counter), registry.gauge(gauge), registry.histogram(seconds))
        await withTaskGroup(of: Void.self) { group in
            for _ in 0..<8 {
                group.addTask {
                    for _ in 0..<1_000 {
                        count.increment()
                        level.increment()
                        timer.record(.microseconds(1))
                    }
                }
            }
        }
        let page = registry.render()
        #expect(page.contains("\nc_total 8000\n") && page.contains("\ng 8000\n"))
        #expect(page.contains("\ns_seconds_count 8000\n") && page.contains("\ns_seconds_sum 0.008\n"))
    }

    @Test("Numbers are written as Prometheus reads them")
    func numbers() {
        let registry = PrometheusRegistry([gauge])
        for (value, text) in [
            (3, "3"), (-0.25, "-0.25"), (1e18, "1000000000000000000"), (1e30, "1e+30"), (.infinity, "+Inf"),
            (-.infinity, "-Inf"), (.nan, "NaN"),
        ] as [(Double, String)] {
            registry.gauge(gauge).set(value)
            #expect(registry.render().hasSuffix("\ng \(text)\n"))
        }
    }

    @Test("A counter never goes down")
    func negative() {
        let registry = PrometheusRegistry([counter])
        registry.counter(counter).increment(by: -5)
        registry.counter(counter).increment(by: 2)
        #expect(registry.render().hasSuffix("\nc_total 2\n"))
    }

    @Test("A total that is read elsewhere is set, and its type is a counter's")
    func setCounter() {
        let registry = PrometheusRegistry([counter])
        registry.gauge(counter).set(2.5)
        #expect(registry.render().hasSuffix("# TYPE c_total counter\nc_total 2.5\n"))
    }

    @Test("A duration that is too long for its unit is the longest, and does not trap")
    func longest() { #expect(Duration.seconds(Int64.max).nanoseconds == .max) }
}
