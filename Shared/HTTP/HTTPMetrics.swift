import Observability
import Synchronization

/// What a server counts about its requests.
final class HTTPMetrics: Sendable {
    /// Requests refused because there was too much to do.
    let shed: Counter
    private let registry: PrometheusCollectorRegistry
    private let answers = Mutex<[Answer: Counter]>([:])
    private let durations = Mutex<[Work: Histogram]>([:])

    private struct Work: Hashable {
        let method: HTTPMethod
        /// Of the route; nil for a request that none takes, whose path may be anything.
        let pattern: String?

        var labels: PrometheusCollectorRegistry.Labels {
            [("method", method.name), ("route", pattern ?? "none")]
        }
    }

    private struct Answer: Hashable {
        let work: Work
        let status: Int
    }

    init(_ registry: PrometheusCollectorRegistry, exchanges: ExchangeTable, connections: ConnectionTable) {
        self.registry = registry
        shed = registry.makeCounter(
            name: "http_requests_shed_total", help: "Requests refused because there was too much to do.")
        registry.makeGauge(
            name: "http_requests_in_flight", help: "Requests that are handled or answered, or only wait."
        ) { Double(exchanges.count) }
        registry.makeGauge(
            name: "http_requests_waiting", help: "Requests in flight that only wait (Prefer: wait)."
        ) { Double(exchanges.waiting) }
        registry.makeGauge(name: "http_connections_open", help: "Open connections.") {
            Double(connections.count)
        }
    }

    /// Counts an answer.
    ///
    /// - Parameters:
    ///   - pattern: of the route; nil where there is none.
    ///   - time: that the handler worked; nil for a request that didn't reach one.
    func answered(_ method: HTTPMethod, _ pattern: String?, status: Int, after time: Duration?) {
        let work = Work(method: method, pattern: pattern)
        counter(Answer(work: work, status: status)).increment()
        if let time { histogram(work).observe(time) }
    }

    private func counter(_ answer: Answer) -> Counter {
        answers.withLock { answers in
            if let counter = answers[answer] { return counter }
            let counter = registry.makeCounter(
                name: "http_requests_total", labels: answer.work.labels + [("status", "\(answer.status)")],
                help: "Answers by method, route and status.")
            answers[answer] = counter
            return counter
        }
    }

    private func histogram(_ work: Work) -> Histogram {
        durations.withLock { durations in
            if let histogram = durations[work] { return histogram }
            let histogram = registry.makeHistogram(
                name: "http_request_duration_seconds", labels: work.labels,
                help: "From the whole request to its answer, or to where it only waits (Prefer: wait).",
                bounds: Histogram.seconds)
            durations[work] = histogram
            return histogram
        }
    }
}
