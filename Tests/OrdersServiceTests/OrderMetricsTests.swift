import Kernel
import Messaging
import Observability
import OrdersDomain
import TestSupport
import Testing

@testable import OrdersService

@Suite("What orders counts") struct OrderMetricsTests {
    @Test func `an order that another clock has placed later takes no time, and no sum goes back`() throws {
        let registry = PrometheusCollectorRegistry()
        let metrics = OrderMetrics(in: registry)
        let now = Timestamp.now()
        let confirmed = try #require(OrderState(stock: .open, money: .captured, cancellation: nil))
        let orders = [Duration.seconds(-2), .milliseconds(500)].map { age in
            StoredOrder(
                id: .v7(at: now), customerID: "ada", email: nil, total: Money(amount: 1, currency: .eur),
                state: confirmed, version: 2, createdAt: now.advanced(by: .zero - age))
        }
        metrics.ended(orders, at: now)
        let text = MetricsText(registry).text
        #expect(text.contains("orders_duration_seconds_sum{status=\"confirmed\"} 0.5\n"))
        #expect(text.contains("orders_duration_seconds_bucket{status=\"confirmed\",le=\"0.001\"} 1\n"))
    }
}
