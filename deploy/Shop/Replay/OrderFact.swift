import Contracts
import Kafka
import Kernel
import Messaging

/// What an event says of an order, a case for each topic that has orders as its keys.
enum OrderFact: Sendable, Equatable {
    case created(OrderCreated)
    case confirmed(OrderConfirmed)
    case cancelling(OrderCancelling)
    case cancelled(OrderCancelled)
    case reserved(StockReserved)
    case rejected(StockRejected)
    case released(StockReleased)
    case captured(PaymentCaptured)
    case declined(PaymentDeclined)
    case voided(PaymentVoided)
    case refunded(PaymentRefunded)
    case sent(NotificationSent)

    /// The topics of these events.
    static let topics: [Topic] = [
        .ordersCreated, .ordersConfirmed, .ordersCancelling, .ordersCancelled, .inventoryReserved,
        .inventoryRejected, .inventoryReleased, .paymentsCaptured, .paymentsDeclined, .paymentsVoided,
        .paymentsRefunded, .notificationsSent,
    ]

    /// - Throws: `ContractError` for a record that no service can read either.
    static func decode(_ record: KafkaRecord) throws(ContractError) -> Incoming<OrderFact> {
        switch record.topic {
        case OrderCreated.topic.name: try record.decode(OrderCreated.self, as: OrderFact.created)
        case OrderConfirmed.topic.name: try record.decode(OrderConfirmed.self, as: OrderFact.confirmed)
        case OrderCancelling.topic.name: try record.decode(OrderCancelling.self, as: OrderFact.cancelling)
        case OrderCancelled.topic.name: try record.decode(OrderCancelled.self, as: OrderFact.cancelled)
        case StockReserved.topic.name: try record.decode(StockReserved.self, as: OrderFact.reserved)
        case StockRejected.topic.name: try record.decode(StockRejected.self, as: OrderFact.rejected)
        case StockReleased.topic.name: try record.decode(StockReleased.self, as: OrderFact.released)
        case PaymentCaptured.topic.name: try record.decode(PaymentCaptured.self, as: OrderFact.captured)
        case PaymentDeclined.topic.name: try record.decode(PaymentDeclined.self, as: OrderFact.declined)
        case PaymentVoided.topic.name: try record.decode(PaymentVoided.self, as: OrderFact.voided)
        case PaymentRefunded.topic.name: try record.decode(PaymentRefunded.self, as: OrderFact.refunded)
        case NotificationSent.topic.name: try record.decode(NotificationSent.self, as: OrderFact.sent)
        default: throw .unknownType(record.topic, topic: record.topic)
        }
    }

    var event: any OrderEvent {
        switch self {
        case .created(let event): event
        case .confirmed(let event): event
        case .cancelling(let event): event
        case .cancelled(let event): event
        case .reserved(let event): event
        case .rejected(let event): event
        case .released(let event): event
        case .captured(let event): event
        case .declined(let event): event
        case .voided(let event): event
        case .refunded(let event): event
        case .sent(let event): event
        }
    }

    var topic: Topic { type(of: event).topic }

    /// What it did, for a person; nothing of the customer, and no payment token.
    var words: String {
        switch self {
        case .created(let event):
            "placed: \(event.lines.map { "\($0.quantity) x \($0.sku)" }.joined(separator: ", ")) for \(event.total.text)"
        case .confirmed(let event): "the goods are the customer's, for \(event.total.text)"
        case .cancelling(let event): "all is to be given back: \(event.reason.rawValue)"
        case .cancelled(let event): "all is given back: \(event.reason.rawValue)"
        case .reserved: "every line is held"
        case .rejected(let event): "out of stock: \(event.skus.joined(separator: ", "))"
        case .released: "no stock is held"
        case .captured(let event): "\(event.amount.text) taken"
        case .declined(let event): "the gateway said no: \(event.reason)"
        case .voided: "no money was taken"
        case .refunded(let event): "\(event.amount.text) went back"
        case .sent(let event): "the customer was told: \(event.kind.rawValue)"
        }
    }
}

/// An event of an order as it stands in Kafka.
struct LoggedEvent: Sendable {
    let envelope: CloudEvent
    let fact: OrderFact
    let partition: Int32
    /// When the relay handed its first record to Kafka; nil where the record doesn't say.
    let publishedAt: Timestamp?
    /// Of its first record, and of those that repeat it.
    private(set) var offsets: [Int64]

    init(_ incoming: Incoming<OrderFact>, partition: Int32, offset: Int64, publishedAt: Timestamp? = nil) {
        envelope = incoming.event
        fact = incoming.message
        self.partition = partition
        self.publishedAt = publishedAt
        offsets = [offset]
    }

    mutating func repeated(at offset: Int64) { offsets.append(offset) }

    var topic: Topic { fact.topic }
    var time: Timestamp { envelope.time }
    /// `payments.captured p3@0`.
    var name: String { "\(topic.name) p\(partition)@\(offsets[0])" }
}

/// The events of one order, each once, in the order in which they were read.
struct OrderLog: Sendable {
    /// More than an order can have, but few enough to try their orders; the rest is only counted.
    static let eventsMax = 32

    let order: Identifier
    private(set) var events: [LoggedEvent] = []
    /// What can't be by itself, whatever the other events are.
    private(set) var faults: [String] = []
    private(set) var records = 0

    init(order: Identifier) { self.order = order }

    /// Adds an event, or counts the repetition of one.
    mutating func take(_ event: LoggedEvent) {
        records += 1
        guard let known = events.firstIndex(where: { $0.envelope.id == event.envelope.id }) else {
            guard events.count < Self.eventsMax else {
                if records - 1 == Self.eventsMax { faults.append("more than \(Self.eventsMax) events") }
                return
            }
            return events.append(event)
        }
        if events[known].envelope != event.envelope || events[known].fact != event.fact {
            faults.append("\(event.name) has the id of \(events[known].name) and says something else")
        }
        events[known].repeated(at: event.offsets[0])
    }

    /// The ids of what led to an event, as far as it is there.
    func causes(of event: LoggedEvent) -> Set<Identifier> {
        var causes: Set<Identifier> = []
        var next = event.envelope.causationID
        while let id = next, causes.insert(id).inserted {
            next = events.first { $0.envelope.id == id }?.envelope.causationID
        }
        return causes
    }

    /// The birth of the order; nil where its event is not there.
    var created: OrderCreated? {
        for event in events { if case .created(let created) = event.fact { return created } }
        return nil
    }
}
