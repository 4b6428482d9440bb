import Contracts
import Kafka
import Kernel
import Messaging
import NotificationsDomain

/// What notifications hears: something about an order, and whom to tell.
struct IncomingEvent: Sendable {
    let orderID: Identifier
    let customerID: String
    let email: String?
    let message: NoticeMessage

    /// - Throws: `ContractError`; the record becomes a dead letter.
    static func decode(_ record: KafkaRecord) throws(ContractError) -> Incoming<IncomingEvent> {
        switch record.topic {
        case NewOrder.topic.name: try record.decode(NewOrder.self, as: IncomingEvent.init)
        case OrderConfirmed.topic.name: try record.decode(OrderConfirmed.self, as: IncomingEvent.init)
        case OrderCancelled.topic.name: try record.decode(OrderCancelled.self, as: IncomingEvent.init)
        default: throw .unknownType(record.topic, topic: record.topic)
        }
    }
}

/// What this service reads of an `OrderCreated`: to pass over the lines more than halves the price of an event.
private struct NewOrder: OrderEvent {
    static let topic = OrderCreated.topic

    let orderId: Identifier
    let customerId: String
    let email: String?
    let total: Money

    func validate() throws(ContractError) {
        try EventRule.requireCustomer(customerId, email: email)
        try EventRule.requirePositive(total, "total")
    }
}

extension IncomingEvent {
    private init(_ event: NewOrder) {
        self.init(
            orderID: event.orderId, customerID: event.customerId, email: event.email,
            message: .created(total: event.total))
    }

    private init(_ event: OrderConfirmed) {
        self.init(
            orderID: event.orderId, customerID: event.customerId, email: event.email,
            message: .confirmed(total: event.total))
    }

    private init(_ event: OrderCancelled) {
        self.init(
            orderID: event.orderId, customerID: event.customerId, email: event.email,
            message: .cancelled(reason: NoticeReason(event.reason)))
    }
}

extension NoticeReason {
    init(_ reason: CancellationReason) {
        switch reason {
        case .outOfStock: self = .outOfStock
        case .paymentDeclined: self = .paymentDeclined
        case .customer: self = .customer
        case .deadline: self = .deadline
        }
    }
}
