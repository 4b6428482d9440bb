import Kernel
import Messaging
import Postgres
import TestSupport
import Testing

@testable import InventoryService

@Suite("The rules of inventory")
struct InventoryRulesTests {
    private static let rules = messagingRules + inventoryRules

    static let breaches = [
        Breach(
            "S3", "restocked =",
            """
            ALTER TABLE product DROP CONSTRAINT product_nothing_lost;
            UPDATE product SET available = available + 1 WHERE sku = 'tea'
            """),
        Breach(
            "S3", "what is reserved and sold",
            "UPDATE product SET reserved = reserved - 1, available = available + 1 WHERE sku = 'tea'"),
        Breach(
            "S3", "what is reserved and sold",
            "UPDATE product SET sold = sold + 1, available = available - 1 WHERE sku = 'tea'"),
        Breach(
            "S4", "no stock is held",
            "UPDATE reservation SET updated_at = now() - interval '26 hours' WHERE order_id = 'HELD'"),
        Breach("S7", "what became", "DELETE FROM outbox WHERE key = 'HELD'"),
        Breach("S7", "what became", "UPDATE reservation SET status = 'released' WHERE order_id = 'SOLD'"),
    ]

    @Test func `every rule is tried`() { #expect(Breach.untried(inventoryRules, by: Self.breaches) == []) }

    @Test(arguments: breaches) func `what was tampered with is noticed`(_ breach: Breach) async throws {
        try await InventoryUnderTest.run { inventory in
            try await inventory.list("tea", available: 10)
            let (held, sold) = (Identifier.fresh(), Identifier.fresh())
            try await inventory.handle(.order(held, ("tea", 2)), .order(sold, ("tea", 1)))
            try await inventory.handle(.confirmed(sold))
            let database = inventory.pool.configuration
            #expect(try await database.violations(of: Self.rules) == [])
            let found = try await database.violations(
                of: Self.rules, after: breach, replacing: ["HELD": "\(held)", "SOLD": "\(sold)"])
            #expect(found.name(breach), "\(found)")
        }
    }

    @Test func `stock that is held, sold and given back breaks no rule at any moment`() async throws {
        try await InventoryUnderTest.run { inventory in
            for sku in ["tea", "cup", "pot"] { try await inventory.list(sku, available: 60) }
            let found = try await inventory.pool.configuration.violations(of: Self.rules) {
                try await withThrowingTaskGroup(of: Void.self) { group in
                    for number in 0..<40 { group.addTask { try await Self.live(number, inventory) } }
                    try await group.waitForAll()
                }
            }
            #expect(found == [])
            #expect(try await inventory.pool.configuration.violations(of: Self.rules) == [])
        }
    }

    /// Some orders, each by one of the ways through the dance.
    private static func live(_ number: Int, _ inventory: InventoryUnderTest) async throws {
        let ids = (0..<4).map { _ in Identifier.fresh() }
        try await inventory.handle(
            .order(ids[0], ("tea", 1), ("cup", 2)), .order(ids[1], ("cup", 1), ("pot", 1)),
            .cancelling(ids[3]), .order(ids[2], ("pot", 2)))
        for (id, message) in zip(ids, [IncomingEvent.confirmed, IncomingEvent.cancelling]) {
            // A rejected order is never confirmed.
            guard try await inventory.reservation(id) == "held 1" else { continue }
            try await inventory.handle(message(id), .order(ids[3], ("tea", 1)))
        }
    }
}
