import Contracts
import Kafka
import Kernel
import Messaging
import NotificationsDomain
import TestSupport
import Testing

@testable import NotificationsService

@Suite("What notifications hears")
struct IncomingEventsTests {
    private static let id = Identifier.fresh()

    @Test func `every topic the table names is understood`() throws {
        let total = Money(amount: 4998, currency: .eur)
        let heard: [Topic: NoticeMessage] = [
            .ordersCreated: try message(
                OrderCreated(
                    orderId: Self.id, customerId: "alice", email: "alice@example.org", lines: [],
                    total: total,
                    paymentToken: "t")),
            .ordersConfirmed: try message(
                OrderConfirmed(
                    orderId: Self.id, customerId: "alice", email: "alice@example.org", total: total)),
            .ordersCancelled: try message(
                OrderCancelled(
                    orderId: Self.id, customerId: "alice", email: "alice@example.org", reason: .deadline)),
        ]
        #expect(Set(heard.keys) == Set(Topic.consumed(by: "notifications")))
        #expect(
            heard == [
                .ordersCreated: .created, .ordersConfirmed: .confirmed,
                .ordersCancelled: .cancelled(reason: .deadline),
            ])
    }

    @Test(
        arguments: [
            ("", "a@b.org", 1), ("alice", "a\r\nb", 1), ("alice", "a@b.org", 0),
        ] as [(String, String, Int64)])
    func `an order that can't be right is refused`(customer: String, email: String, total: Int64) throws {
        #expect(throws: ContractError.self) {
            try message(
                OrderCreated(
                    orderId: Self.id, customerId: customer, email: email, lines: [],
                    total: Money(amount: total, currency: .eur), paymentToken: "t"))
        }
    }

    @Test(arguments: CancellationReason.allCases)
    func `every reason of the contract is one of ours`(_ reason: CancellationReason) {
        #expect(NoticeReason(reason).rawValue == reason.rawValue)
    }

    @Test(arguments: NoticeKind.allCases)
    func `every kind of ours is one of the contract`(_ kind: NoticeKind) {
        #expect(NotificationKind(kind).rawValue == kind.rawValue)
    }

    private func message(_ event: some OrderEvent) throws -> NoticeMessage {
        let heard = try IncomingEvent.decode(KafkaRecord(event)).message
        #expect(heard.orderID == Self.id)
        #expect(heard.customerID == "alice")
        #expect(heard.email == "alice@example.org")
        return heard.message
    }
}
