import Kernel
import Postgres
import ShopHarness
import TestSupport
import Testing

/// Something that must never be, done by hand, and the rule that has to notice.
struct Tampering: Sendable, CustomTestStringConvertible {
    let rule: String
    let sql: String

    var testDescription: String { rule }

    static let all = [
        Tampering(
            rule: "S1 an order per key",
            sql:
                "INSERT INTO orders.idempotency_key (key, fingerprint, order_id) VALUES ('x', '', gen_random_uuid())"
        ),
        Tampering(
            rule: "S3 stock adds up",
            sql: "UPDATE inventory.product SET sold = sold + 1, restocked = restocked + 1 WHERE sku = 'SKU'"),
        Tampering(
            rule: "S4 stock is held as its order ended",
            sql: "UPDATE inventory.reservation SET status = 'released' WHERE order_id = 'ORDER'"),
        Tampering(
            rule: "S5 money moved as the order ended",
            sql: """
                INSERT INTO payments.posting (order_id, kind, amount, currency, at)
                VALUES ('ORDER', 'refund', 500, 'EUR', now())
                """),
        Tampering(
            rule: "S5 the gateway's ledger is ours",
            sql: """
                INSERT INTO gateway.charge (key, order_id, token, amount, currency, state, answered_at)
                VALUES ('x', 'ORDER', 'tok_ok', 500, 'EUR', 'captured', now())
                """),
        Tampering(
            rule: "S6 two messages for each order",
            sql: "DELETE FROM notifications.message WHERE order_id = 'ORDER' AND kind = 'order_confirmed'"),
        Tampering(
            rule: "S8 what was sold is counted",
            sql: "UPDATE sales.sales_sum SET units = units + 1 WHERE sku = 'SKU'"),
        Tampering(
            rule: "S7 each thing is said once",
            sql: """
                INSERT INTO orders.outbox (event_id, topic, key, version, occurred_at, payload)
                SELECT gen_random_uuid(), topic, key, version + 1, now(), payload FROM orders.outbox WHERE key = 'ORDER'
                """),
    ]
}

extension SystemTests {
    /// The rules that all other tests rely on, each seen to fail.
    @Suite("The books") struct BooksTests {
        private struct Undone: Error {}

        private let shop: RunningShop

        init() throws { shop = try .current }

        @Test(arguments: Tampering.all) func `what was tampered with is noticed`(_ tampering: Tampering)
            async throws
        {
            let sku = try await shop.sell(1)
            let order = try await shop.place(sku, wait: 20)
            try await shop.expectRest()
            let sql = tampering.sql.replacing("ORDER'", with: "\(order.id)'").replacing("SKU", with: sku)
            let found = try await violations(after: sql)
            #expect(!found.isEmpty)
            #expect(found.contains { $0.hasPrefix(tampering.rule) }, "\(found)")
            #expect(try await shop.books.violations() == [])
        }

        /// What the rules say of a change that is taken back at once.
        private func violations(after sql: String) async throws -> [String] {
            var found: [String] = []
            do {
                try await shop.books.pool.transaction { transaction in
                    _ = try await transaction.query(PostgresStatement.once(sql)())
                    found = try await shop.books.violations(in: transaction)
                    throw Undone()
                }
            } catch is Undone {}
            return found
        }
    }
}
