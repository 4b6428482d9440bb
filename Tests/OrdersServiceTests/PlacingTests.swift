import Foundation
import HTTP
import Kernel
import Messaging
import Observability
import OrdersDomain
import Postgres
import TestSupport
import Testing

@testable import OrdersService

@Suite("Placing orders")
struct PlacingTests {
    @Test func `an order is priced by us, stored and told in one transaction`() async throws {
        try await OrdersUnderTest.run { orders in
            let response = await orders.post(tea())
            #expect(response.status == 202)
            let order = try OrderAnswer(response)
            #expect(response.headers["Location"] == "/v1/orders/\(order.id)")
            #expect(order.status == "pending")
            #expect(order.total == Money(amount: 500, currency: .eur))
            #expect(try await orders.said() == ["orders.created"])
        }
    }

    @Test func `the log says that an order was placed, and not what its client is yet to get`() async throws {
        try await OrdersUnderTest.run { orders in
            _ = await orders.post(tea())
            _ = await orders.post(tea(), wait: 0)
            let placed = orders.log.lines.compactMap { $0.metadata[LogKey.eventType] }.filter {
                $0.hasPrefix("POST")
            }
            #expect(placed == ["POST /v1/orders", "POST /v1/orders"])
        }
    }

    @Test func `a service that knows no product yet is not ready to take orders`() async throws {
        try await OrdersUnderTest.run { orders in
            #expect(try await ProductStore.isFilled(in: orders.pool))
            try await orders.pool.query(PostgresStatement.once("DELETE FROM product")())
            #expect(try await !ProductStore.isFilled(in: orders.pool))
        }
    }

    @Test func `the same key and body is the same order`() async throws {
        try await OrdersUnderTest.run { orders in
            let first = await orders.post(tea(), key: "k")
            let spaced = tea().replacingOccurrences(of: ",", with: " , ")
            let second = await orders.post(spaced, key: "k")
            #expect(second.status == 202)
            #expect(second.headers["Idempotency-Replayed"] == "true")
            let ids = try (OrderAnswer(first).id, OrderAnswer(second).id)
            let said = try await orders.said()
            #expect(ids.0 == ids.1)
            #expect(said == ["orders.created"])
        }
    }

    @Test func `fifty requests with one key make one order`() async throws {
        try await OrdersUnderTest.run { orders in
            let ids = try await withThrowingTaskGroup(of: Identifier.self) { group in
                for _ in 0..<50 { group.addTask { try OrderAnswer(await orders.post(tea(), key: "k")).id } }
                var ids: Set<Identifier> = []
                while let id = try await group.next() { ids.insert(id) }
                return ids
            }
            #expect(ids.count == 1)
            #expect(try await orders.said() == ["orders.created"])
        }
    }

    @Test func `a known key with another body is refused`() async throws {
        try await OrdersUnderTest.run { orders in
            _ = await orders.post(tea(), key: "k")
            #expect(await orders.post(tea(quantity: 3), key: "k").status == 422)
            #expect(await orders.post(tea("grace"), key: "k").status == 422)
        }
    }

    @Test func `a refused request leaves its key free`() async throws {
        try await OrdersUnderTest.run { orders in
            let refused = await orders.post(tea(sku: "nothing-like-it"), key: "k")
            #expect(refused.status == 422)
            #expect(refused.headers["Content-Type"] == "application/problem+json")
            #expect(await orders.post(tea(), key: "k").status == 202)
        }
    }

    @Test func `one bad order does not fail those beside it`() async throws {
        try await OrdersUnderTest.run { orders in
            let statuses = await withTaskGroup(of: Int.self) { group in
                for index in 0..<40 {
                    let body = index % 4 == 0 ? tea(sku: "nothing-like-it") : tea()
                    group.addTask { await orders.post(body).status }
                }
                return await group.reduce(into: [:]) { counts, status in counts[status, default: 0] += 1 }
            }
            #expect(statuses == [202: 30, 422: 10])
        }
    }

    @Test func `an order whose caller has been told to come again is not placed any more`() async throws {
        try await OrdersUnderTest.run { orders in
            func request(_ key: String, age: Duration) -> OrderPlacement.Request {
                OrderPlacement.Request(
                    id: .v7(at: .now()), key: key,
                    draft: OrderDraft(
                        customerId: "ada", email: nil, lines: [OrderDraft.Line(sku: "tea", quantity: 2)],
                        paymentToken: "tok_ok"), traceparent: nil, receivedAt: .now - age)
            }
            let late = request("late", age: .seconds(10))
            let begun = Timestamp.now()
            let answers = try await orders.placement.write([late, request("slow", age: .seconds(5))])
            guard case .tooLate = answers[0], case .placed(let slow) = answers[1] else {
                Issue.record("\(answers)")
                return
            }
            #expect(slow.createdAt >= begun, "its deadline counts from here, not from when it came")
            #expect(try await orders.said() == ["orders.created"])
            let again = await orders.post(tea(), key: "late")
            #expect(again.status == 202)
            #expect(again.headers["Idempotency-Replayed"] == nil)
        }
    }

    @Test(arguments: [
        ("", "k", 400), ("{}", "k", 400), ("[]", "k", 400), (tea(), nil, 400),
        (tea(quantity: 0), "k", 422), (tea(quantity: 10_001), "k", 422),
        (tea(token: "4242424242424242"), "k", 422),
        (#"{"customerId":"ada","lines":[],"paymentToken":"tok_ok"}"#, "k", 422),
    ])
    func `bad input is refused and says what to do`(body: String, key: String?, status: Int) async throws {
        try await OrdersUnderTest.run { orders in
            let response = await orders.post(body, key: key)
            #expect(response.status == status)
            #expect(response.headers["Content-Type"] == "application/problem+json")
            let said = try await orders.said()
            #expect(said.isEmpty)
        }
    }

    @Test func `a price change counts from the next order on, an older one never`() async throws {
        try await OrdersUnderTest.run { orders in
            try await orders.hear([.product(OrdersUnderTest.stock("tea", price: 300, version: 3))])
            try await orders.hear([.product(OrdersUnderTest.stock("tea", price: 100, version: 2))])
            #expect(try OrderAnswer(await orders.post(tea())).total.amount == 600)
        }
    }
}
