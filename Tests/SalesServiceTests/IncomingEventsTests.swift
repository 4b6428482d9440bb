import Contracts
import Kafka
import Kernel
import Messaging
import SalesDomain
import TestSupport
import Testing

@testable import SalesService

@Suite("What sales hears")
struct IncomingEventsTests {
    private static let id = Identifier.fresh()
    private static let total = Money(amount: 4998, currency: .eur)

    @Test func `every topic the table names is understood`() throws {
        let line = OrderCreated.Line(sku: "tea", quantity: 2, unitPrice: Self.total)
        let heard: [Topic: SaleMessage] = [
            .ordersCreated: try message(
                OrderCreated(
                    orderId: Self.id, customerId: "alice", email: nil, lines: [line], total: Self.total,
                    paymentToken: "t")),
            .ordersConfirmed: try message(
                OrderConfirmed(orderId: Self.id, customerId: "alice", email: nil, total: Self.total)),
            .ordersCancelled: try message(
                OrderCancelled(orderId: Self.id, customerId: "alice", email: nil, reason: .deadline)),
        ]
        #expect(Set(heard.keys) == Set(Topic.consumed(by: "sales")))
        #expect(
            heard == [
                .ordersCreated: .created([SaleLine(sku: "tea", quantity: 2)]),
                .ordersConfirmed: .confirmed(at: minute), .ordersCancelled: .cancelled,
            ])
    }

    @Test(arguments: [("", 1), ("tea", 0), ("tea", 10_001)] as [(String, Int64)])
    func `an order that can't be right is refused`(sku: String, quantity: Int64) throws {
        let line = OrderCreated.Line(sku: sku, quantity: quantity, unitPrice: Self.total)
        #expect(throws: ContractError.self) {
            try message(
                OrderCreated(
                    orderId: Self.id, customerId: "alice", email: nil, lines: [line], total: Self.total,
                    paymentToken: "t"))
        }
    }

    private func message(_ event: some OrderEvent) throws -> SaleMessage {
        let heard = try IncomingEvent.decode(KafkaRecord(event, at: minute))
        #expect(heard.message.orderID == Self.id)
        return heard.message.message(at: heard.event.time)
    }
}
