import ShopHarness
import TestSupport
import Testing

extension SystemTests {
    @Suite("One key, one order") struct IdempotencyTests {
        private let shop: RunningShop

        init() throws { shop = try .current }

        @Test func `fifty requests at once with one key make one order`() async throws {
            let sku = try await shop.sell(100)
            let (shop, key, body) = (shop, freshWord(), shop.body(sku))
            let answers = try await withThrowingTaskGroup(of: WebAnswer.self) { group in
                for _ in 0..<50 { group.addTask { try await shop.post(body, key: key) } }
                return try await group.reduce(into: [WebAnswer]()) { $0.append($1) }
            }
            let ids = try Set(answers.map { try $0.json(OrderBody.self).id })
            try await shop.expectRest()

            #expect(answers.allSatisfy { $0.status == 202 || $0.status == 200 })
            #expect(ids.count == 1)
            #expect(answers.count { $0.header("Idempotency-Replayed") == "true" } == 49)
            #expect(try await shop.books.stock(sku) == Books.Stock(available: 99, sold: 1))
        }

        @Test func `a repetition is told as one, and tells how the order stands`() async throws {
            let sku = try await shop.sell(2)
            let (key, body) = (freshWord(), shop.body(sku))
            let first = try await shop.post(body, key: key, wait: 20)
            let second = try await shop.post(body, key: key)

            #expect(first.header("Idempotency-Replayed") == nil)
            #expect(second.header("Idempotency-Replayed") == "true")
            #expect(second.status == 200)
            #expect(try second.json(OrderBody.self) == first.json(OrderBody.self))
            #expect(second.header("Location") == first.header("Location"))
        }

        @Test func `the same request in other words is the same`() async throws {
            let sku = try await shop.sell(1)
            let key = freshWord()
            let first = try await shop.post(shop.body(sku), key: key, wait: 20)
            let second = try await shop.post(
                #" { "paymentToken" : "tok_ok", "lines":[{"quantity":1, "sku":"\#(sku)"}], "customerId":"ada" } "#,
                key: key)

            #expect(second.status == 200)
            #expect(try second.json(OrderBody.self).id == first.json(OrderBody.self).id)
        }

        @Test func `another body under a known key is refused`() async throws {
            let sku = try await shop.sell(5)
            let key = freshWord()
            _ = try await shop.post(shop.body(sku), key: key, wait: 20)
            let other = try await shop.post(shop.body(sku, quantity: 2), key: key)
            try await shop.expectRest()

            #expect(other.status == 422)
            #expect(other.header("Content-Type") == "application/problem+json")
            #expect(try await shop.books.stock(sku) == Books.Stock(available: 4, sold: 1))
        }

        @Test func `a refused request leaves its key free`() async throws {
            let key = freshWord()
            let refused = try await shop.post(shop.body("no-such-\(freshWord())"), key: key)
            let sku = try await shop.sell(1)
            let corrected = try await shop.post(shop.body(sku), key: key, wait: 20)

            #expect(refused.status == 422)
            #expect(corrected.status == 200, "\(corrected.text)")
        }

        @Test func `a refusal doesn't wait, whatever the client prefers`() async throws {
            let body = shop.body("no-such-\(freshWord())")
            let (shop, clock) = (shop, ContinuousClock())
            let time = try await clock.measure {
                try await withThrowingTaskGroup(of: Void.self) { group in
                    for _ in 0..<20 {
                        group.addTask {
                            let answer = try await shop.post(body, wait: 30)
                            #expect(answer.status == 422)
                        }
                    }
                    try await group.waitForAll()
                }
            }
            #expect(time < .seconds(25))
        }

        @Test func `goods are counted in once per key`() async throws {
            let sku = try await shop.sell(0)
            let (shop, key) = (shop, freshWord())
            func stock(_ quantity: Int) async throws -> WebAnswer {
                try await call(
                    "POST", port: shop.port(.inventory), "/v1/products/\(sku)/stock",
                    headers: ["Content-Type": "application/json", "Idempotency-Key": key],
                    body: #"{"quantity":\#(quantity)}"#)
            }
            let first = try await stock(7)
            let second = try await stock(7)
            let other = try await stock(8)

            #expect((first.status, second.status, other.status) == (200, 200, 422))
            #expect(second.header("Idempotency-Replayed") == "true")
            #expect(try await shop.books.stock(sku) == Books.Stock(available: 7))
        }
    }
}
