import Kernel
import ShopHarness
import TestSupport
import Testing

extension SystemTests {
    /// The service that only listens.
    @Suite("What is sold") struct SalesTests {
        private struct Best: Decodable {
            struct Product: Decodable, Equatable {
                let sku: String
                let units: Int64
                let orders: Int64
            }
            let bestsellers: [Product]
        }

        private let shop: RunningShop

        init() throws { shop = try .current }

        private func sold(_ sku: String) async throws -> Best.Product? {
            let path = "/v1/bestsellers?minutes=1440&limit=200"
            let answer = try await call("GET", port: shop.port(.sales), path)
            return try answer.json(Best.self).bestsellers.first { $0.sku == sku }
        }

        @Test func `confirmed orders are counted, and no others`() async throws {
            let sku = try await shop.sell(10)
            _ = try await shop.place(sku, quantity: 2, wait: 10)
            _ = try await shop.place(sku, quantity: 3, wait: 10)
            let declined = try await shop.place(sku, quantity: 4, token: "tok_declined", wait: 10)
            #expect(declined.status == "cancelled")
            try await shop.expectRest()
            #expect(try await sold(sku) == Best.Product(sku: sku, units: 5, orders: 2))
        }

        @Test func `a service that was not there hears the past`() async throws {
            let sku = try await shop.sell(20)
            try await shop.kill(.sales)
            for _ in 1...10 {
                let order = try await shop.place(sku, wait: 10)
                #expect(order.status == "confirmed", "nobody waits for sales")
            }
            try await shop.start(.sales)
            try await shop.expectRest()
            #expect(try await sold(sku) == Best.Product(sku: sku, units: 10, orders: 10))
        }
    }
}
