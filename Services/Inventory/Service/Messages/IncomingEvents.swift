import Contracts
import InventoryDomain
import Kafka
import Kernel
import Messaging

/// What inventory hears.
enum IncomingEvent: Sendable {
    case created(NewOrder)
    case declined(Identifier)
    case cancelling(Identifier)
    case confirmed(Identifier)

    /// - Throws: `ContractError`; the record becomes a dead letter.
    static func decode(_ record: KafkaRecord) throws(ContractError) -> Incoming<IncomingEvent> {
        switch record.topic {
        case NewOrder.topic.name: try record.decode(NewOrder.self) { .created($0) }
        case PaymentDeclined.topic.name: try record.decode(PaymentDeclined.self) { .declined($0.orderId) }
        case OrderCancelling.topic.name: try record.decode(OrderCancelling.self) { .cancelling($0.orderId) }
        case OrderConfirmed.topic.name: try record.decode(OrderConfirmed.self) { .confirmed($0.orderId) }
        default: throw .unknownType(record.topic, topic: record.topic)
        }
    }

    var orderID: Identifier {
        switch self {
        case .created(let order): order.orderId
        case .declined(let id), .cancelling(let id), .confirmed(let id): id
        }
    }

    /// What it means to a reservation.
    var message: ReservationMessage {
        switch self {
        case .created(let order): .created(order.lines.map { StockLine(sku: $0.sku, quantity: $0.quantity) })
        case .declined: .declined
        case .cancelling: .cancelling
        case .confirmed: .confirmed
        }
    }
}

/// What this service reads of an `OrderCreated`: to pass over the prices saves a third of what the event costs.
struct NewOrder: OrderEvent {
    static let topic = OrderCreated.topic

    struct Line: Codable, Sendable, Equatable {
        let sku: String
        let quantity: Int64
    }

    let orderId: Identifier
    let lines: [Line]
    let total: Money
    let paymentToken: String

    func validate() throws(ContractError) {
        try EventRule.requireLines(count: lines.count)
        for (index, line) in lines.enumerated() {
            try EventRule.requireLine(index, sku: line.sku, quantity: line.quantity)
        }
        try EventRule.requirePositive(total, "total")
        try EventRule.requireText(paymentToken, "paymentToken")
    }
}
