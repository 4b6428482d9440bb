import Kernel
import ShopHarness
import TestSupport
import Testing

/// A way through the dance that a payment token leads into.
struct Branch: Sendable, CustomTestStringConvertible {
    let token: String
    var status = "confirmed"
    var reason: String?
    var captured = true
    var events = ["inventory.reserved", "orders.confirmed", "orders.created", "payments.captured"]

    var testDescription: String { token }

    static let all = [
        Branch(token: "tok_ok"), Branch(token: "tok_slow"), Branch(token: "tok_timeout_captured"),
        Branch(token: "tok_timeout_lost"), Branch(token: "tok_error_once"),
        Branch(
            token: "tok_declined", status: "cancelled", reason: "payment_declined", captured: false,
            events: [
                "inventory.released", "inventory.reserved", "orders.cancelled", "orders.created",
                "payments.declined",
            ]),
    ]
}

extension SystemTests {
    /// Every end an order can come to, and that stock and money are where they belong then.
    @Suite("Every branch of the dance") struct BranchTests {
        private let shop: RunningShop

        init() throws { shop = try .current }

        @Test(arguments: Branch.all) func `a payment token leads to its end`(_ branch: Branch) async throws {
            let sku = try await shop.sell(5, price: 700)
            let placed = try await shop.place(sku, quantity: 2, token: branch.token)
            let order = try await shop.ended(placed)
            try await shop.expectRest()

            #expect(order.status == branch.status)
            #expect(order.reason == branch.reason)
            let sold: Int64 = branch.captured ? 2 : 0
            #expect(try await shop.books.stock(sku) == Books.Stock(available: 5 - sold, sold: sold))
            let money = Books.Money(captured: branch.captured ? 1400 : 0)
            #expect(try await shop.books.ledger(order.identifier) == money)
            #expect(try await shop.books.gateway(order.identifier) == money)
            let told = try await shop.notifications(order).map(\.kind).sorted()
            #expect(told == ["order_\(order.status)", "order_received"].sorted())
            let events = branch.events + ["notifications.sent", "notifications.sent"]
            _ = try await shop.records(of: order, until: events.sorted())
        }

        @Test func `what is sold out is not promised`() async throws {
            let sku = try await shop.sell(1)
            let order = try await shop.place(sku, quantity: 2, wait: 20)
            try await shop.expectRest()

            #expect(order.status == "cancelled")
            #expect(order.reason == "out_of_stock")
            #expect(try await shop.books.stock(sku) == Books.Stock(available: 1))
            #expect(try await shop.books.gateway(order.identifier) == Books.Money())
            let events = [
                "inventory.rejected", "notifications.sent", "notifications.sent", "orders.cancelled",
            ]
            _ = try await shop.records(of: order, until: (events + ["orders.created"]).sorted())
        }

        @Test func `of many who want the last one, one gets it`() async throws {
            let sku = try await shop.sell(1)
            let shop = shop
            let ends = try await withThrowingTaskGroup(of: String.self) { group in
                for _ in 0..<8 {
                    group.addTask { try await shop.place(sku, wait: 30).status }
                }
                return try await group.reduce(into: [String]()) { $0.append($1) }
            }
            try await shop.expectRest()

            #expect(ends.sorted() == Array(repeating: "cancelled", count: 7) + ["confirmed"])
            #expect(try await shop.books.stock(sku) == Books.Stock(available: 0, sold: 1))
        }

        @Test func `an order of several products holds all of them or none`() async throws {
            let plenty = try await shop.sell(10)
            let scarce = try await shop.sell(1)
            let lines = [(plenty, 2), (scarce, 2)].map { #"{"sku":"\#($0)","quantity":\#($1)}"# }
            let order = try await shop.post(
                #"{"customerId":"ada","lines":[\#(lines.joined(separator: ","))],"paymentToken":"tok_ok"}"#,
                wait: 20
            ).json(OrderBody.self)

            #expect(order.reason == "out_of_stock")
            #expect(try await shop.books.stock(plenty) == Books.Stock(available: 10))
            #expect(try await shop.books.stock(scarce) == Books.Stock(available: 1))
            try await shop.expectRest()
        }

        @Test func `cancelled while the gateway thinks, everything goes back`() async throws {
            let sku = try await shop.sell(3, price: 450)
            let placed = try await shop.place(sku, token: "tok_slow")
            let answer = try await shop.cancel(placed)
            let order = try await shop.ended(placed)
            try await shop.expectRest()

            #expect(answer.status == 202 || answer.status == 200, "\(answer.text)")
            #expect(order.status == "cancelled")
            #expect(order.reason == "customer")
            #expect(try await shop.books.stock(sku) == Books.Stock(available: 3))
            let (ours, theirs) = (
                try await shop.books.ledger(order.identifier), try await shop.books.gateway(order.identifier)
            )
            #expect(ours == theirs)
            #expect(ours.captured == ours.refunded)
            let payment = try await call("GET", port: shop.port(.payments), "/v1/payments/\(order.id)")
            if payment.status == 200 {
                #expect(["voided", "refunded"].contains(try payment.json(PaymentBody.self).status))
            }
            #expect(try await shop.cancel(placed).status == 200, "it is cancelled already")
        }

        @Test func `cancelled right after it was placed, it is one or the other, never both`() async throws {
            let sku = try await shop.sell(30, price: 100)
            var confirmed: Int64 = 0
            for _ in 0..<20 {
                let placed = try await shop.place(sku)
                let answer = try await shop.cancel(placed)
                let order = try await shop.ended(placed)
                #expect([200, 202, 409].contains(answer.status), "\(answer.text)")
                #expect(order.status == (answer.status == 409 ? "confirmed" : "cancelled"))
                confirmed += answer.status == 409 ? 1 : 0
            }
            try await shop.expectRest()

            #expect(
                try await shop.books.stock(sku) == Books.Stock(available: 30 - confirmed, sold: confirmed))
        }

        @Test func `once confirmed it can't be cancelled`() async throws {
            let sku = try await shop.sell(1)
            let order = try await shop.place(sku, wait: 20)
            let answer = try await shop.cancel(order)

            #expect(answer.status == 409)
            #expect(answer.header("Content-Type") == "application/problem+json")
            #expect(try await shop.read(order).status == "confirmed")
            try await shop.expectRest()
        }

        @Test func `a thousand orders by sixteen clients all end, and everything adds up`() async throws {
            let shop = shop
            let skus = [
                try await shop.sell(400, price: 300), try await shop.sell(10_000, price: 700),
                try await shop.sell(10_000, price: 1100),
            ]
            let tokens = ["tok_ok", "tok_ok", "tok_ok", "tok_declined", "tok_slow", "tok_error_once"]
            let placed = try await withThrowingTaskGroup(of: [OrderBody].self) { group in
                for client in 0..<16 {
                    group.addTask {
                        var mine: [OrderBody] = []
                        for number in 0..<63 {
                            let order = try await shop.place(
                                skus[(client + number) % 3], quantity: 1 + number % 3,
                                token: tokens[(client * 5 + number) % 6])
                            if number % 9 == 0 { _ = try await shop.cancel(order) }
                            mine.append(order)
                        }
                        return mine
                    }
                }
                return try await group.reduce(into: [OrderBody]()) { $0 += $1 }
            }
            try await shop.expectRest(within: .seconds(90))

            #expect(Set(placed.map(\.id)).count == 1008)
            for sku in skus { #expect(try await shop.books.stock(sku).reserved == 0) }
        }
    }
}
