import Kernel
import ShopHarness
import TestSupport
import Testing

extension SystemTests {
    /// Services that are away for a while, by their own will or not.
    @Suite("Services that stop") struct InterruptionTests {
        private let shop: RunningShop

        init() throws { shop = try .current }

        @Test func `an order waits for payments to come back`() async throws {
            let sku = try await shop.sell(1)
            try await shop.stop(.payments)
            let placed = try await shop.place(sku)
            try await eventually("the stock is held", within: .seconds(20)) {
                try await shop.books.stock(sku).reserved == 1
            }
            #expect(try await shop.read(placed).status == "pending")
            try await shop.start(.payments)

            #expect(try await shop.ended(placed).status == "confirmed")
            try await shop.expectRest()
        }

        @Test(arguments: [ServiceName.inventory, .notifications])
        func `an order waits for any service to come back`(_ name: ServiceName) async throws {
            let sku = try await shop.sell(1)
            try await shop.stop(name)
            let placed = try await shop.place(sku)
            try await shop.start(name)

            #expect(try await shop.ended(placed).status == "confirmed")
            try await shop.expectRest()
        }

        @Test func `an order that takes too long is cancelled, and all given back`() async throws {
            let sku = try await shop.sell(4)
            try await shop.stop(.orders)
            try await shop.start(.orders, ["ORDER_DEADLINE_SECONDS": "1"])
            try await shop.stop(.payments)
            let placed = try await shop.place(sku, quantity: 3)
            try await eventually("the order's time is up", within: .seconds(20)) {
                try await shop.read(placed).status == "cancelling"
            }
            try await shop.start(.payments)
            let order = try await shop.ended(placed)
            try await shop.expectRest()
            try await shop.stop(.orders)
            try await shop.start(.orders)

            #expect(order.status == "cancelled")
            #expect(order.reason == "deadline")
            #expect(try await shop.books.stock(sku) == Books.Stock(available: 4))
            let id = try order.identifier
            #expect(try await shop.books.ledger(id) == shop.books.gateway(id))
            let (_, kinds) = (order, try await shop.notifications(order).map(\.kind))
            #expect(kinds.sorted() == ["order_cancelled", "order_received"])
        }

        @Test func `orders go on and nothing happens twice while services are killed`() async throws {
            let sku = try await shop.sell(100_000, price: 100)
            let (shop, stop) = (shop, Flag())
            async let customers = withThrowingTaskGroup(of: [String].self) { group in
                for _ in 0..<2 { group.addTask { try await shop.buy(sku, until: stop) } }
                return try await group.reduce(into: [String]()) { $0 += $1 }
            }
            do {
                for name in ServiceName.allCases {
                    try await shop.moreOrders(of: sku)
                    try await shop.kill(name)
                    try await shop.start(name)
                }
                try await shop.moreOrders(of: sku)
                stop.set()
            } catch {
                stop.set()
                throw error
            }
            let acknowledged = try await customers
            try await shop.expectRest(within: .seconds(60))

            let ids = Set(acknowledged)
            #expect(ids.count == acknowledged.count)
            let placed = try await shop.books.texts(
                "SELECT id::text FROM orders.orders WHERE lines @> '[{\"sku\": \"\(sku)\"}]'")
            #expect(Set(placed) == ids, "an acknowledged order is there, and no other")
            let stock = try await shop.books.stock(sku)
            #expect(stock.available + stock.sold == 100_000)
            let audit = try await shop.tool("audit", "--at-rest")
            #expect(audit.code == 0, "\(audit.output)")
            for name in ServiceName.allCases { #expect(try !shop.log(name).contains("impossible")) }
        }

        @Test func `a client that waits is answered when the service stops`() async throws {
            let sku = try await shop.sell(1)
            try await shop.stop(.payments)
            let shop = shop
            async let waiting = shop.post(shop.body(sku), wait: 30)
            try await eventually("the order is placed", within: .seconds(20)) {
                try await shop.books.stock(sku).reserved == 1
            }
            let time = try await ContinuousClock().measure { try await shop.stop(.orders) }
            let answer = try await waiting
            try await shop.start(.orders)
            try await shop.start(.payments)

            #expect(time < .seconds(25))
            #expect(answer.status == 202, "\(answer.text)")
            #expect(try await shop.ended(answer.json(OrderBody.self)).status == "confirmed")
            try await shop.expectRest()
        }

        @Test func `the database throws everybody out, again and again`() async throws {
            let sku = try await shop.sell(100_000, price: 100)
            let (shop, stop) = (shop, Flag())
            async let customers = shop.buy(sku, until: stop)
            do {
                for _ in 0..<5 {
                    try await shop.moreOrders(of: sku)
                    let thrownOut = try await shop.books.number(
                        """
                        SELECT count(*) FILTER (WHERE pg_terminate_backend(pid)) FROM pg_stat_activity
                        WHERE datname = current_database() AND usename IN
                            ('orders', 'inventory', 'payments', 'notifications', 'gateway')
                        """)
                    #expect(thrownOut > 0)
                }
                try await shop.moreOrders(of: sku)
                stop.set()
            } catch {
                stop.set()
                throw error
            }
            let acknowledged = try await customers
            try await shop.expectRest()

            #expect(Set(acknowledged).count == acknowledged.count)
            let audit = try await shop.tool("audit", "--at-rest", "--no-topics")
            #expect(audit.code == 0, "\(audit.output)")
        }

        @Test func `two of each share the work, and one goes on alone`() async throws {
            let sku = try await shop.sell(1000)
            for name in ServiceName.allCases { try await shop.start(name, instance: 2) }
            try await eventually("both of each have work", within: .seconds(60)) {
                _ = try await shop.place(sku, wait: 10)
                return try ServiceName.allCases.allSatisfy { name in
                    try shop.log(name, instance: 2).contains("◀")
                }
            }
            for name in ServiceName.allCases { try await shop.kill(name) }
            let port = shop.port(.orders, instance: 2)
            let answer = try await call(
                "POST", port: port, "/v1/orders",
                headers: [
                    "Content-Type": "application/json", "Idempotency-Key": freshWord(), "Prefer": "wait=40",
                ], body: shop.body(sku), seconds: 60)
            #expect(try answer.json(OrderBody.self).status == "confirmed")
            for name in ServiceName.allCases { try await shop.start(name) }
            for name in ServiceName.allCases { try await shop.stop(name, instance: 2) }
            #expect(try await shop.place(sku, wait: 30).status == "confirmed")
            try await shop.expectRest()
        }

        @Test func `all services are killed at once, and the orders under way still end`() async throws {
            let sku = try await shop.sell(40)
            var placed: [OrderBody] = []
            for _ in 0..<20 { placed.append(try await shop.place(sku)) }
            for name in ServiceName.allCases { try await shop.kill(name) }
            for name in ServiceName.allCases { try await shop.start(name) }
            for order in placed { #expect(try await shop.ended(order).status == "confirmed") }
            try await shop.expectRest()

            #expect(try await shop.books.stock(sku) == Books.Stock(available: 20, sold: 20))
        }
    }
}

extension RunningShop {
    /// Orders one after the other, each until it is acknowledged, whatever happens to the services.
    ///
    /// - Returns: the ids of the orders.
    fileprivate func buy(_ sku: String, until stop: Flag) async throws -> [String] {
        var ids: [String] = []
        while !stop.isSet {
            let (key, body) = (freshWord(), body(sku))
            var id: String?
            try await eventually("an order is acknowledged", within: .seconds(60)) {
                guard let answer = try? await post(body, key: key, wait: 1), answer.status < 300 else {
                    return false
                }
                id = try answer.json(OrderBody.self).id
                return true
            }
            if let id { ids.append(id) }
        }
        return ids
    }

    /// Waits until some more orders have been placed and confirmed.
    fileprivate func moreOrders(of sku: String) async throws {
        let start = try await books.stock(sku).sold
        try await eventually("more orders are confirmed", within: .seconds(60)) {
            try await books.stock(sku).sold >= start + 5
        }
    }
}
