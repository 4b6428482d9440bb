import Contracts
import Kafka
import Kernel
import ShopHarness
import TestSupport
import Testing

extension SystemTests {
    /// An order that ends well, and all that can be seen of it.
    @Suite("A good order") struct HappyOrderTests {
        private let shop: RunningShop

        init() throws { shop = try .current }

        @Test func `who waits gets the confirmed order`() async throws {
            let sku = try await shop.sell(10, price: 1250)
            let answer = try await shop.post(shop.body(sku, quantity: 2), wait: 10)
            let order = try answer.json(OrderBody.self)

            #expect(answer.status == 200)
            #expect(order.status == "confirmed")
            #expect(order.total == MoneyBody(amount: 2500, currency: "EUR"))
            #expect(
                order.lines == [
                    OrderBody.Line(
                        sku: sku, quantity: 2, unitPrice: MoneyBody(amount: 1250, currency: "EUR"))
                ])
            #expect(answer.header("Location") == "/v1/orders/\(order.id)")
            #expect(answer.header("Preference-Applied") == "wait=10")
            #expect(try await shop.read(order) == order)
        }

        @Test func `who doesn't wait gets a pending one, and reads how it ended`() async throws {
            let sku = try await shop.sell(1)
            let answer = try await shop.post(shop.body(sku))
            let order = try answer.json(OrderBody.self)

            #expect(answer.status == 202)
            #expect(order.status == "pending")
            #expect(try await shop.ended(order).status == "confirmed")
        }

        @Test func `stock and money have moved, and the customer knows`() async throws {
            let sku = try await shop.sell(10, price: 300)
            let order = try await shop.place(sku, quantity: 3, wait: 10)
            try await shop.expectRest()

            #expect(try await shop.books.stock(sku) == Books.Stock(available: 7, sold: 3))
            #expect(try await shop.books.ledger(order.identifier) == Books.Money(captured: 900))
            #expect(try await shop.books.gateway(order.identifier) == Books.Money(captured: 900))
            let payment = try await call("GET", port: shop.port(.payments), "/v1/payments/\(order.id)")
                .json(PaymentBody.self)
            #expect(
                payment
                    == PaymentBody(
                        orderId: order.id, status: "captured",
                        amount: MoneyBody(amount: 900, currency: "EUR")))
            let kinds = try await shop.notifications(order).map(\.kind)
            #expect(kinds.sorted() == ["order_confirmed", "order_received"])
        }

        @Test func `its events are on their topics, each with its cause`() async throws {
            let sku = try await shop.sell(1)
            let order = try await shop.place(sku, wait: 10)
            let expected = [
                "inventory.reserved", "notifications.sent", "notifications.sent", "orders.confirmed",
                "orders.created", "payments.captured",
            ]
            let records = try await shop.records(of: order, until: expected)

            #expect(Set(records.map(\.partition)).count == 1, "an order's events share their partition")
            var events: [String: CloudEvent] = [:]
            for record in records {
                let event = try CloudEvent { record.headers.last(named: $0) }
                #expect(event.type == record.topic)
                #expect(event.subject == order.id)
                #expect(event.correlationID != nil)
                if event.type != "notifications.sent" { events[event.type] = event }
            }
            #expect(events["orders.created"]?.causationID == nil)
            #expect(events["inventory.reserved"]?.causationID == events["orders.created"]?.id)
            #expect(events["payments.captured"]?.causationID == events["inventory.reserved"]?.id)
            #expect(events["orders.confirmed"]?.causationID == events["payments.captured"]?.id)
        }

        @Test func `a client has no need to read what it has`() async throws {
            let sku = try await shop.sell(1)
            let order = try await shop.place(sku, wait: 10)
            let path = "/v1/orders/\(order.id)"
            let first = try await call("GET", port: shop.port(.orders), path)
            let tag = try #require(first.header("ETag"))
            let second = try await call(
                "GET", port: shop.port(.orders), path, headers: ["If-None-Match": tag])

            #expect(second.status == 304)
            #expect(second.body.isEmpty)
            #expect(second.header("Content-Length") == first.header("Content-Length"))
            #expect(first.header("Vary") == "Prefer")
        }

        @Test func `a customer's orders are listed newest first, page for page`() async throws {
            let sku = try await shop.sell(5)
            let customer = "customer-\(freshWord())"
            var placed: [String] = []
            for _ in 0..<5 {
                let body = shop.body(sku).replacing("ada", with: customer)
                placed.append(try await shop.post(body).json(OrderBody.self).id)
            }
            struct Page: Decodable {
                let orders: [OrderBody]
                let nextCursor: String?
            }
            var listed: [String] = []
            var cursor: String?
            repeat {
                let path =
                    "/v1/orders?customerId=\(customer)&limit=2" + (cursor.map { "&cursor=\($0)" } ?? "")
                let page = try await call("GET", port: shop.port(.orders), path).json(Page.self)
                #expect(page.orders.count <= 2)
                listed += page.orders.map(\.id)
                cursor = page.nextCursor
            } while cursor != nil && listed.count < 10

            #expect(listed == placed.reversed())
            try await shop.expectRest()
        }
    }
}

extension RunningShop {
    /// The records about an order, once they are of these topics.
    func records(
        of order: OrderBody, until expected: [String], sourceLocation: SourceLocation = #_sourceLocation
    ) async throws -> [KafkaRecord] {
        let id = try order.identifier
        var records = try await topics.records(of: id)
        do {
            try await eventually("all events of the order are published", within: .seconds(20)) {
                if records.count < expected.count { records = try await topics.records(of: id) }
                return records.count >= expected.count
            }
        } catch is NotInTime {}
        #expect(records.map(\.topic).sorted() == expected, sourceLocation: sourceLocation)
        return records
    }
}
