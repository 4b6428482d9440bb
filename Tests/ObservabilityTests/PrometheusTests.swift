import Observability
import Synchronization
import TestSupport
import Testing

@Suite("Metrics as Prometheus reads them")
struct PrometheusTests {
    let registry = PrometheusCollectorRegistry()

    var text: String { MetricsText(registry).text }

    @Test func `a family has one head, and its members by their labels`() {
        registry.makeCounter(name: "b_total", labels: [("topic", "y")], help: "Bs.").increment(by: 3)
        registry.makeCounter(name: "b_total", labels: [("topic", "x")], help: "Bs.").increment()
        registry.makeGauge(name: "a", help: "As.") { 0.5 }
        #expect(
            text == """
                # HELP a As.
                # TYPE a gauge
                a 0.5
                # HELP b_total Bs.
                # TYPE b_total counter
                b_total{topic="x"} 1
                b_total{topic="y"} 3

                """)
    }

    @Test func `who asks for the same counter again gets the one that there is`() {
        for _ in 0..<2 {
            registry.makeCounter(name: "a_total", labels: [("x", "1"), ("y", "2")], help: "").increment()
        }
        #expect(text.hasSuffix("\na_total{x=\"1\",y=\"2\"} 2\n"))
    }

    @Test func `a histogram's buckets each hold those below, and end with all`() {
        let histogram = registry.makeHistogram(
            name: "a_seconds", labels: [("route", "/")], help: "As.", bounds: [0.25, 1])
        histogram.observe(.milliseconds(250))
        histogram.observe(contentsOf: [0.5, 0.75])
        histogram.observe(8)
        #expect(
            text == """
                # HELP a_seconds As.
                # TYPE a_seconds histogram
                a_seconds_bucket{route="/",le="0.25"} 1
                a_seconds_bucket{route="/",le="1"} 3
                a_seconds_bucket{route="/",le="+Inf"} 4
                a_seconds_sum{route="/"} 9.5
                a_seconds_count{route="/"} 4

                """)
    }

    @Test func `what would end a value or a line is escaped`() {
        registry.makeCounter(
            name: "a_total", labels: [("path", "C:\\\"new\"\r\nline")], help: "\"A\\B\"\nC"
        ).increment()
        #expect(
            text == """
                # HELP a_total "A\\\\B"\\nC
                # TYPE a_total counter
                a_total{path="C:\\\\\\"new\\"\r\\nline"} 1

                """)
    }

    @Test(arguments: [
        (0.0, "0"), (-3, "-3"), (1.5, "1.5"), (0.1, "0.1"), (1_700_000_000.25, "1700000000.25"),
        (1e-9, "1e-09"),
        (.infinity, "+Inf"), (-.infinity, "-Inf"), (.nan, "NaN"),
    ])
    func `a number is one that Go reads`(value: Double, expected: String) {
        registry.makeGauge(name: "a", help: "") { value }
        #expect(text.hasSuffix("\na \(expected)\n"))
    }

    @Test func `what changes its labels is asked each time`() {
        let partition = Atomic(1)
        registry.makeGauges(name: "lag", help: "") {
            [([("partition", "\(partition.load(ordering: .relaxed))")], 7)]
        }
        #expect(text.hasSuffix("lag{partition=\"1\"} 7\n"))
        partition.store(2, ordering: .relaxed)
        #expect(text.hasSuffix("gauge\nlag{partition=\"2\"} 7\n"))
    }

    @Test func `nothing is lost when all count at once`() async {
        let counter = registry.makeCounter(name: "a_total", help: "")
        let histogram = registry.makeHistogram(name: "b", help: "", bounds: [1])
        await withTaskGroup(of: Void.self) { group in
            for _ in 0..<8 {
                group.addTask {
                    for _ in 0..<1000 {
                        counter.increment()
                        histogram.observe(1)
                    }
                }
            }
        }
        #expect(counter.value == 8000)
        #expect(text.hasSuffix("b_sum 8000\nb_count 8000\n"))
    }

    @Test func `a process tells of itself what all tell`() {
        registry.addProcessMetrics()
        let metrics = MetricsText(registry)
        #expect(metrics.sum("process_cpu_seconds_total") > 0)
        #expect(metrics.sum("process_resident_memory_bytes") > 1e6)
        #expect(metrics.sum("process_start_time_seconds") > 1.7e9)
        #expect(metrics.sum("process_open_fds") >= 3)
    }
}
