import Contracts
import InventoryDomain
import Kafka
import Kernel
import Messaging
import TestSupport
import Testing

@testable import InventoryService

@Suite("What inventory hears")
struct IncomingEventsTests {
    private static let id = Identifier.fresh()

    @Test func `every topic the table names is understood`() throws {
        let price = Money(amount: 500, currency: .eur)
        let created = OrderCreated(
            orderId: Self.id, customerId: "alice", email: nil,
            lines: [OrderCreated.Line(sku: "tea", quantity: 2, unitPrice: price)], total: price,
            paymentToken: "t")
        let heard: [Topic: ReservationMessage] = [
            .ordersCreated: try message(created),
            .ordersCancelling: try message(OrderCancelling(orderId: Self.id, reason: .customer)),
            .ordersConfirmed: try message(
                OrderConfirmed(orderId: Self.id, customerId: "alice", email: nil, total: price)),
            .paymentsDeclined: try message(PaymentDeclined(orderId: Self.id, reason: "insufficient_funds")),
        ]
        #expect(Set(heard.keys) == Set(Topic.consumed(by: "inventory")))
        #expect(
            heard == [
                .ordersCreated: .created([StockLine(sku: "tea", quantity: 2)]),
                .ordersCancelling: .cancelling,
                .ordersConfirmed: .confirmed, .paymentsDeclined: .declined,
            ])
    }

    @Test func `a topic that is not for us is refused`() {
        #expect(throws: ContractError.self) {
            _ = try message(NotificationSent(orderId: Self.id, customerId: "alice", kind: .orderReceived))
        }
    }

    @Test(
        arguments: [
            ("tea", 0, 500, "t"), ("tea", .max, 500, "t"), ("", 1, 500, "t"), ("tea", 1, 0, "t"),
            ("tea", 1, 500, ""),
        ] as [(String, Int64, Int64, String)])
    func `an order that can't be right is refused`(
        sku: String, quantity: Int64, total: Int64, token: String
    ) throws {
        let line = OrderCreated.Line(
            sku: sku, quantity: quantity, unitPrice: Money(amount: 500, currency: .eur))
        #expect(throws: ContractError.self) {
            try message(
                OrderCreated(
                    orderId: Self.id, customerId: "alice", email: nil, lines: [line],
                    total: Money(amount: total, currency: .eur), paymentToken: token))
        }
    }

    private func message(_ event: some OrderEvent) throws -> ReservationMessage {
        let incoming = try IncomingEvent.decode(KafkaRecord(event))
        #expect(incoming.message.orderID == Self.id)
        return incoming.message.message
    }
}
