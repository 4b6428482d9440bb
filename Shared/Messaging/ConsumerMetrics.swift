import Contracts
import Observability

/// What a consumer counts of its batches.
struct ConsumerMetrics: Sendable {
    /// Records that are committed, dead letters among them.
    let records: TopicCounters
    let deadLetters: TopicCounters
    /// Memberships that an error ended; the consumer joins again.
    let interruptions: Counter
    private let sizes: Histogram
    private let durations: Histogram

    init(_ topics: [Topic], in metrics: PrometheusCollectorRegistry) {
        records = TopicCounters(
            topics, name: "consumer_records_total", help: "Records that were handled.", in: metrics)
        deadLetters = TopicCounters(
            topics, name: "consumer_dead_letters_total", help: "Records that could not be handled.",
            in: metrics)
        interruptions = metrics.makeCounter(
            name: "consumer_interruptions_total", help: "Memberships in the group that an error ended.")
        sizes = metrics.makeHistogram(
            name: "consumer_batch_records", help: "Records that one poll brought.", bounds: Histogram.sizes)
        durations = metrics.makeHistogram(
            name: "consumer_batch_duration_seconds", help: "From the poll of a batch to its commit.",
            bounds: Histogram.seconds)
    }

    func handled(_ count: Int, in time: Duration) {
        sizes.observe(Double(count))
        durations.observe(time)
    }
}
