import Contracts
import Observability

/// A counter for each of a few topics, there from the start, so that the first of anything is seen as a rise.
struct TopicCounters: Sendable {
    private let counters: [String: Counter]

    init(_ topics: [Topic], name: String, help: String, in metrics: PrometheusCollectorRegistry) {
        counters = Dictionary(
            uniqueKeysWithValues: topics.map { topic in
                (topic.name, metrics.makeCounter(name: name, labels: [("topic", topic.name)], help: help))
            })
    }

    /// Counts one for each name; neighbours are counted together, since batches come by topic.
    func count(_ names: some Sequence<String>) {
        var run: (name: String, length: Int) = ("", 0)
        for name in names {
            if name != run.name {
                counters[run.name]?.increment(by: run.length)
                run = (name, 0)
            }
            run.length += 1
        }
        counters[run.name]?.increment(by: run.length)
    }
}
