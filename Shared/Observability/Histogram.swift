import Synchronization

/// How many values were at most so large, for each of a few bounds; `PrometheusCollectorRegistry.makeHistogram` makes one.
///
/// Costs one lock for each call, and no allocation: values that come together are observed together.
package final class Histogram: Sendable {
    /// Bounds in seconds, from a statement on an idle machine to a request that somebody gives up.
    package static let seconds: [Double] = [
        0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10,
    ]
    /// Bounds for the size of a batch.
    package static let sizes: [Double] = [1, 2, 5, 10, 25, 50, 100, 250, 500, 1000, 2000]

    struct Snapshot {
        /// For each bound, and for what is larger than all of them: the values that no lower one holds.
        var counts: [Int]
        var sum = 0.0
    }

    let bounds: [Double]
    private let state: Mutex<Snapshot>

    init(bounds: [Double]) {
        self.bounds = bounds
        state = Mutex(Snapshot(counts: Array(repeating: 0, count: bounds.count + 1)))
    }

    var snapshot: Snapshot { state.withLock { $0 } }

    package func observe(_ value: Double) { observe(contentsOf: CollectionOfOne(value)) }

    /// Observes a time in seconds.
    package func observe(_ time: Duration) { observe(time / .seconds(1)) }

    package func observe(contentsOf values: some Sequence<Double>) {
        state.withLock { state in
            for value in values {
                state.counts[bounds.firstIndex { value <= $0 } ?? bounds.count] += 1
                state.sum += value
            }
        }
    }
}
