import Contracts
import Kafka
import Kernel
import Messaging
import SalesDomain

/// What sales hears.
enum IncomingEvent: Sendable {
    case created(NewOrder)
    case confirmed(Identifier)
    case cancelled(Identifier)

    /// - Throws: `ContractError`; the record becomes a dead letter.
    static func decode(_ record: KafkaRecord) throws(ContractError) -> Incoming<IncomingEvent> {
        switch record.topic {
        case NewOrder.topic.name: try record.decode(NewOrder.self) { .created($0) }
        case Confirmation.topic.name: try record.decode(Confirmation.self) { .confirmed($0.orderId) }
        case Cancellation.topic.name: try record.decode(Cancellation.self) { .cancelled($0.orderId) }
        default: throw .unknownType(record.topic, topic: record.topic)
        }
    }

    var orderID: Identifier {
        switch self {
        case .created(let order): order.orderId
        case .confirmed(let id), .cancelled(let id): id
        }
    }

    /// What it means to a sale, having happened at `time`.
    func message(at time: Timestamp) -> SaleMessage {
        switch self {
        case .created(let order): .created(order.lines.map { SaleLine(sku: $0.sku, quantity: $0.quantity) })
        case .confirmed: .confirmed(at: time)
        case .cancelled: .cancelled
        }
    }
}

/// What this service reads of an `OrderCreated`: it has no use for customers and prices, and so never has them.
struct NewOrder: OrderEvent {
    static let topic = OrderCreated.topic

    struct Line: Codable, Sendable, Equatable {
        let sku: String
        let quantity: Int64
    }

    let orderId: Identifier
    let lines: [Line]

    func validate() throws(ContractError) {
        try EventRule.requireLines(count: lines.count)
        for (index, line) in lines.enumerated() {
            try EventRule.requireLine(index, sku: line.sku, quantity: line.quantity)
        }
    }
}

/// What it reads of an `OrderConfirmed`.
private struct Confirmation: OrderEvent {
    static let topic = OrderConfirmed.topic

    let orderId: Identifier
}

/// What it reads of an `OrderCancelled`.
private struct Cancellation: OrderEvent {
    static let topic = OrderCancelled.topic

    let orderId: Identifier
}
