import Synchronization

/// A number that only grows, with the names of swift-prometheus; `PrometheusCollectorRegistry.makeCounter` makes one.
///
/// Costs one atomic addition, from any thread.
package final class Counter: Sendable {
    private let total = Atomic<Int>(0)

    init() {}

    package var value: Int { total.load(ordering: .relaxed) }

    package func increment(by amount: Int = 1) { total.add(amount, ordering: .relaxed) }
}
