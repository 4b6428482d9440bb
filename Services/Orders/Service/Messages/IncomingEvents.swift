import Contracts
import Kafka
import Kernel
import Messaging
import OrdersDomain

/// What orders hears.
enum IncomingEvent: Sendable {
    case order(Identifier, OrderMessage)
    case product(ProductStock)

    /// - Throws: `ContractError`; the record becomes a dead letter.
    static func decode(_ record: KafkaRecord) throws(ContractError) -> Incoming<IncomingEvent> {
        switch record.topic {
        case StockRejected.topic.name:
            try record.decode(StockRejected.self) { .order($0.orderId, .stockRejected) }
        case StockReleased.topic.name:
            try record.decode(StockReleased.self) { .order($0.orderId, .stockReleased) }
        case PaymentCaptured.topic.name:
            try record.decode(PaymentCaptured.self) { .order($0.orderId, .paymentCaptured) }
        case PaymentDeclined.topic.name:
            try record.decode(PaymentDeclined.self) { .order($0.orderId, .paymentDeclined) }
        case PaymentVoided.topic.name:
            try record.decode(PaymentVoided.self) { .order($0.orderId, .paymentVoided) }
        case PaymentRefunded.topic.name:
            try record.decode(PaymentRefunded.self) { .order($0.orderId, .paymentRefunded) }
        case ProductStock.topic.name: try record.decode(ProductStock.self) { .product($0) }
        default: throw .unknownType(record.topic, topic: record.topic)
        }
    }
}
