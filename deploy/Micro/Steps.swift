import Contracts
import InventoryDomain
import Kafka
import Kernel
import Messaging
import OrdersDomain
import PaymentsDomain
import Postgres

extension Step {
    private static let time = Timestamp(unixMilliseconds: 1_790_000_000_000)
    private static let order = Identifier.v7(at: time)
    private static let price = Money(amount: 790, currency: .eur)
    private static let traceparent = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"

    private static let created = OrderCreated(
        orderId: order, customerId: "customer-1815", email: "ada@example.org",
        lines: (1...3).map { OrderCreated.Line(sku: "thing-\($0)", quantity: 2, unitPrice: price) },
        total: Money(amount: 4740, currency: .eur), paymentToken: "tok_ok")

    static func event() throws -> OutgoingEvent {
        try OutgoingEvent(created, version: 1, cause: nil, traceparent: traceparent, at: time)
    }

    static func pure() throws -> [Step] {
        let event = try event()
        let envelope = CloudEvent(
            id: event.id, type: event.topic, time: event.time, subject: event.key, correlationID: order,
            causationID: nil, traceparent: event.traceparent, version: event.version)
        let record = KafkaRecord(
            topic: event.topic, partition: 0, offset: 0, timestamp: -1, key: Array(event.key.utf8),
            value: Array(event.payload.utf8),
            headers: envelope.headers.map { ($0.name, Array($0.value.utf8)) })
        let lines = created.lines.map { StockLine(sku: $0.sku, quantity: $0.quantity) }
        let stock = StockBook(
            Dictionary(uniqueKeysWithValues: lines.map { ($0.sku, StockLevel(available: 1000)) }))
        let charge = Charge(amount: created.total, token: created.paymentToken)
        return [
            Step("write-envelope") { envelope.headers },
            Step("read-envelope") { try CloudEvent(headers: record.headers) },
            Step("encode-order-created") { try Step.event() },
            Step("decode-order-created") { try record.decode(OrderCreated.self) { $0 } },
            Step("decide-order") { OrderDecider.decide(.placed, .paymentCaptured) },
            Step("decide-reservation") { ReservationDecider.decide(.none, .created(lines), stock: stock) },
            Step("decide-payment") { PaymentDecider.decide(.none, .reserved(charge)) },
        ]
    }

    /// The part of this process alone; what Postgres does for it isn't counted.
    static func onPostgres(_ outbox: OutboxBench) throws -> [Step] {
        let event = try event()
        return [
            Step("append-to-outbox") { count in
                for _ in 0...count / 250 {
                    try await outbox.append([OutgoingEvent](repeating: event, count: 250))
                }
            },
            Step("read-for-relay") { count in
                for _ in 0...count / OutboxRelay.batchMax { try await outbox.read() }
            },
        ]
    }
}
