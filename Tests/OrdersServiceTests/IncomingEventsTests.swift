import Contracts
import Kafka
import Kernel
import Messaging
import OrdersDomain
import TestSupport
import Testing

@testable import OrdersService

@Suite("What orders hears")
struct IncomingEventsTests {
    private func decode(_ event: some Event) throws -> IncomingEvent {
        try IncomingEvent.decode(KafkaRecord(event)).message
    }

    @Test(arguments: [
        (String(repeating: "x", count: 4000), 250, 1), ("tea", 0, 1), ("tea", -5, 1), ("tea", 250, Int64.max),
    ])
    func `a product that can't be right is refused before it is stored`(
        sku: String, price: Int64, version: Int64
    ) throws {
        #expect(throws: ContractError.self) {
            try decode(OrdersUnderTest.stock(sku, price: price, version: version))
        }
    }

    @Test func `an order at the limits of the API is an event that others read`() throws {
        let draft = OrderDraft(
            customerId: String(repeating: "x", count: OrderDraft.textMax), email: "ada@example.org",
            lines: (0..<OrderDraft.linesMax).map {
                OrderDraft.Line(sku: "sku-\($0)", quantity: OrderDraft.quantityMax)
            }, paymentToken: String(repeating: "x", count: OrderDraft.textMax))
        #expect(draft.violations == [])
        let price = Money(amount: 1, currency: .eur)
        let created = OrderCreated(
            orderId: .v7(at: .now()), customerId: draft.customerId, email: draft.email,
            lines: draft.lines.map {
                OrderCreated.Line(sku: $0.sku, quantity: $0.quantity, unitPrice: price)
            }, total: price, paymentToken: draft.paymentToken)
        #expect(try EventCoding.decode(OrderCreated.self, from: EventCoding.encode(created)) == created)
    }
}
