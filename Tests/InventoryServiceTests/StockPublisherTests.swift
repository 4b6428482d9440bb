import Contracts
import Kernel
import Observability
import Postgres
import TestSupport
import Testing

@testable import InventoryService

@Suite("Publishing stock")
struct StockPublisherTests {
    @Test func `many changes of a product are told once, with the last number`() async throws {
        try await InventoryUnderTest.run { inventory in
            try await inventory.list("tea", available: 10)
            for _ in 0..<3 { try await inventory.handle(.order(.fresh(), ("tea", 1))) }
            let before = try await inventory.said(.inventoryStock).count
            try await inventory.publisher.publishWaiting()
            try await inventory.publisher.publishWaiting()
            let said = try await inventory.said(.inventoryStock)
            #expect(said.count == before + 1)
            #expect(said.last?.payload.contains(#""available":7"#) == true)
            #expect(said.last?.version == 5)
            #expect(try await inventory.number(Self.unpublished) == 0)
        }
    }

    @Test func `what a crash left untold is found again`() async throws {
        try await InventoryUnderTest.run { inventory in
            try await inventory.list("tea", available: 10)
            try await inventory.handle(.order(.fresh(), ("tea", 1)))
            #expect(try await inventory.number(Self.unpublished) == 1)
            let next = StockPublisher(
                pool: inventory.pool, relay: inventory.relay, logger: inventory.log.logger)
            async let running: Void = next.run()
            try await eventually("the stock is told") { try await inventory.number(Self.unpublished) == 0 }
            next.close()
            await running
        }
    }

    @Test func `what was left untold is looked for a page at a time`() async throws {
        try await InventoryUnderTest.run { inventory in
            for sku in ["cup", "pot", "tea"] { try await inventory.list(sku, available: 10) }
            try await inventory.handle(.order(.fresh(), ("cup", 1)), .order(.fresh(), ("tea", 1)))
            var (found, next) = try await ProductQueries.unpublished(after: "", limit: 2, in: inventory.pool)
            #expect(found == ["cup"])
            #expect(next == "pot")
            (found, next) = try await ProductQueries.unpublished(after: "pot", limit: 2, in: inventory.pool)
            #expect(found == ["tea"])
            #expect(next == nil)
        }
    }

    @Test func `a product that can't be read holds up no other`() async throws {
        try await InventoryUnderTest.run { inventory in
            for sku in ["cup", "tea"] { try await inventory.list(sku, available: 10) }
            try await inventory.handle(.order(.fresh(), ("cup", 1), ("tea", 1)))
            let byHand = "UPDATE product SET currency = 'eur' WHERE sku = 'cup'"
            try await inventory.pool.query(PostgresStatement.once(byHand)())
            try await inventory.publisher.publishWaiting()
            let told = try #require(try await inventory.said(.inventoryStock).last)
            #expect(told.key == "tea")
            #expect(told.payload.contains(#""available":9"#))
            #expect(try await inventory.number(Self.unpublished) == 1)
            let complaints = inventory.log.lines.filter { $0.level >= .warning }
            #expect(complaints.count == 1)
            #expect(complaints.allSatisfy { $0.metadata.values.contains { $0.contains("cup") } })
        }
    }

    @Test func `a publisher tells what still waits before it ends`() async throws {
        try await InventoryUnderTest.run { inventory in
            try await inventory.list("tea", available: 10)
            async let running: Void = inventory.publisher.run()
            try await inventory.handle(.order(.fresh(), ("tea", 1)))
            inventory.publisher.close()
            await running
            #expect(try await inventory.number(Self.unpublished) == 0)
        }
    }

    @Test func `a new shop has products to order, and asking twice adds none`() async throws {
        try await InventoryUnderTest.run { inventory in
            let added = try await SampleProducts.seed(in: inventory.pool)
            #expect(added >= 12)
            #expect(try await SampleProducts.seed(in: inventory.pool) == 0)
            #expect(try await inventory.said(.inventoryStock).count == added)
            #expect(try await inventory.number(Self.unpublished) == 0)
            #expect(try await inventory.levels("teapot-cast-iron") == [1, 0, 0])
        }
    }

    private static let unpublished = "SELECT count(*) FROM product WHERE published_version <> version"
}
