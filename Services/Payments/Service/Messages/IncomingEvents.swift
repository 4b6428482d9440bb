import Contracts
import Kafka
import Kernel
import Messaging
import PaymentsDomain

/// What payments hears: that an order's stock is held, so its money may be taken, and that an order is off.
struct IncomingEvent: Sendable {
    let orderID: Identifier
    let message: PaymentMessage

    /// - Throws: `ContractError`; the record becomes a dead letter.
    static func decode(_ record: KafkaRecord) throws(ContractError) -> Incoming<IncomingEvent> {
        switch record.topic {
        case StockReserved.topic.name:
            try record.decode(StockReserved.self) {
                IncomingEvent(
                    orderID: $0.orderId, message: .reserved(Charge(amount: $0.total, token: $0.paymentToken)))
            }
        case OrderCancelling.topic.name:
            try record.decode(OrderCancelling.self) {
                IncomingEvent(orderID: $0.orderId, message: .cancelling)
            }
        default: throw .unknownType(record.topic, topic: record.topic)
        }
    }
}
