import Kernel
import Observability
import OrdersDomain

/// What orders counts of its business.
struct OrderMetrics: Sendable {
    private let placed: Counter
    private let placements: Histogram
    private let endings: [Ending: Counter]
    private let durations: [OrderStatus: Histogram]

    private struct Ending: Hashable {
        let status: OrderStatus
        let reason: CancelReason?
    }

    init(in metrics: PrometheusCollectorRegistry) {
        placed = metrics.makeCounter(name: "orders_placed_total", help: "New orders.")
        placements = metrics.makeHistogram(
            name: "orders_placement_batch_requests",
            help: "Requests for orders that one transaction has written.", bounds: Histogram.sizes)
        let all =
            [Ending(status: .confirmed, reason: nil)]
            + CancelReason.allCases.map { Ending(status: .cancelled, reason: $0) }
        endings = Dictionary(
            uniqueKeysWithValues: all.map { ending in
                let labels = [("status", ending.status.rawValue), ("reason", ending.reason?.rawValue ?? "")]
                return (
                    ending,
                    metrics.makeCounter(
                        name: "orders_ended_total", labels: labels, help: "Orders by how they ended.")
                )
            })
        durations = Dictionary(
            uniqueKeysWithValues: [OrderStatus.confirmed, .cancelled].map { status in
                (
                    status,
                    metrics.makeHistogram(
                        name: "orders_duration_seconds", labels: [("status", status.rawValue)],
                        help: "From the order's request to its end.",
                        bounds: Histogram.seconds + [30, 60, 120])
                )
            })
    }

    /// Counts a transaction with `requests` for orders, of which so many were new and are `placed` now.
    func written(_ requests: Int, placed count: Int) {
        placements.observe(Double(requests))
        placed.increment(by: count)
    }

    /// Counts orders that ended in one transaction.
    func ended(_ orders: [StoredOrder], at now: Timestamp) {
        for (status, histogram) in durations {
            let ended = orders.lazy.filter { $0.state.status == status }
            // Another instance's clock, or this one set back, may have placed an order after now; a sum that falls
            // would be a restart to Prometheus, which then adds all of it again.
            histogram.observe(contentsOf: ended.map { max(0, now.since($0.createdAt) / .seconds(1)) })
        }
        for order in orders {
            endings[Ending(status: order.state.status, reason: order.state.reason)]?.increment()
        }
    }
}
