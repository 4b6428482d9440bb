import Kernel
import Messaging
import OrdersDomain
import Postgres
import TestSupport
import Testing

@testable import OrdersService

@Suite("The rules of orders")
struct OrderRulesTests {
    private static let rules = messagingRules + orderRules

    static let breaches = [
        Breach(
            "S1", "an idempotency key",
            "INSERT INTO idempotency_key (key, fingerprint, order_id) VALUES ('x', '', gen_random_uuid())"),
        Breach("S2", "an order's status", "UPDATE orders SET reason = 'customer' WHERE id = 'CONFIRMED'"),
        Breach("S2", "an order's status", "UPDATE orders SET money = 'captured' WHERE id = 'PENDING'"),
        Breach("S2", "a new order and an ended one", "DELETE FROM outbox WHERE topic = 'orders.confirmed'"),
        Breach(
            "S2", "a new order and an ended one",
            "DELETE FROM outbox WHERE topic = 'orders.created' AND key = 'PENDING'"),
        Breach(
            "S2", "a new order and an ended one",
            """
            INSERT INTO outbox (xid, event_id, topic, key, version, occurred_at, payload)
            SELECT xid, gen_random_uuid(), topic, key, version, now(), payload FROM outbox
            WHERE topic = 'orders.confirmed'
            """),
        Breach(
            "S2", "no order is pending",
            "UPDATE orders SET deadline = now() - interval '2 minutes' WHERE id = 'PENDING'"),
        Breach(
            "S2", "no order is pending",
            "UPDATE orders SET updated_at = now() - interval '61 minutes' WHERE id = 'CANCELLING'"),
        Breach(
            "S5", "an order's total",
            "UPDATE orders SET total_amount = total_amount + 1 WHERE id = 'CONFIRMED'"),
    ]

    @Test func `every rule is tried`() { #expect(Breach.untried(orderRules, by: Self.breaches) == []) }

    @Test(arguments: breaches) func `what was tampered with is noticed`(_ breach: Breach) async throws {
        try await OrdersUnderTest.run { orders in
            let confirmed = try OrderAnswer(await orders.post(tea())).id
            let pending = try OrderAnswer(await orders.post(tea())).id
            let cancelling = try OrderAnswer(await orders.post(tea())).id
            try await orders.hear([
                .order(confirmed, .paymentCaptured), .order(cancelling, .cancel(by: .customer)),
            ])
            let database = orders.pool.configuration
            #expect(try await database.violations(of: Self.rules) == [])
            let found = try await database.violations(
                of: Self.rules, after: breach,
                replacing: [
                    "CONFIRMED": "\(confirmed)", "PENDING": "\(pending)", "CANCELLING": "\(cancelling)",
                ])
            #expect(found.name(breach), "\(found)")
        }
    }

    @Test func `orders on their way break no rule at any moment`() async throws {
        try await OrdersUnderTest.run { orders in
            let found = try await orders.pool.configuration.violations(of: Self.rules) {
                try await withThrowingTaskGroup(of: Void.self) { group in
                    for number in 0..<120 { group.addTask { try await Self.live(number, orders) } }
                    try await group.waitForAll()
                }
            }
            #expect(found == [])
            #expect(try await orders.pool.configuration.violations(of: Self.rules) == [])
        }
    }

    /// One order, by one of the ways through the dance.
    private static func live(_ number: Int, _ orders: OrdersUnderTest) async throws {
        let id = try OrderAnswer(await orders.post(tea())).id
        let ways: [[OrderMessage]] = [
            [.paymentCaptured], [.stockRejected], [.paymentDeclined, .stockReleased],
            [.stockReleased, .paymentDeclined], [.stockReleased],
            [.cancel(by: .customer), .paymentVoided, .stockReleased],
            [.cancel(by: .customer), .paymentCaptured, .stockReleased, .paymentRefunded], [],
        ]
        for message in ways[number % ways.count] { try await orders.hear([.order(id, message)]) }
    }
}
