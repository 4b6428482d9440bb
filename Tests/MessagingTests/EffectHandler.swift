import Contracts
import Kafka
import Kernel
import Messaging
import Postgres
import Synchronization
import TestSupport

/// A small service: a row for each cancelled order, made once, and one for each time it heard of it.
///
/// The customer says what else happens: `refused` is a value the table doesn't take, `unbuilt` meets a table that is
/// missing, `conflict` loses against another transaction, `raced` the first time to one that made its row, `unheard` lets
/// the test do something to what follows.
final class EffectHandler: BatchHandler {
    let afterCommits = Atomic(0)
    /// The sizes of the batches that were tried.
    private let batches = Mutex<[Int]>([])
    var tried: [Int] { batches.withLock { $0 } }
    private let onConflict: @Sendable () -> Void
    private let onUnheard: @Sendable () async throws -> Void
    let pace: Duration

    init(
        pace: Duration = .zero, onConflict: @escaping @Sendable () -> Void = {},
        onUnheard: @escaping @Sendable () async throws -> Void = {}
    ) {
        self.pace = pace
        self.onConflict = onConflict
        self.onUnheard = onUnheard
    }

    func decode(_ record: KafkaRecord) throws(ContractError) -> Incoming<OrderCancelled> {
        try record.decode(OrderCancelled.self) { $0 }
    }

    func handle(
        _ batch: [Incoming<OrderCancelled>], in transaction: PostgresTransaction
    ) async throws -> Handled {
        batches.withLock { $0.append(batch.count) }
        if batch.contains(where: { $0.message.customerId == "unheard" }) { try await onUnheard() }
        if batch.contains(where: { $0.message.customerId == "unbuilt" }) {
            try await transaction.query(PostgresStatement.once("SELECT FROM nowhere")())
        }
        if batch.contains(where: { $0.message.customerId == "conflict" }),
            !batch.contains(where: { $0.message.customerId == "refused" })
        {
            onConflict()
            let lost = "DO $$ BEGIN RAISE EXCEPTION 'lost' USING ERRCODE = '40001'; END $$"
            try await transaction.query(PostgresStatement.once(lost)())
        }
        if tried.count == 1, batch.contains(where: { $0.message.customerId == "raced" }) {
            let lost = "DO $$ BEGIN RAISE EXCEPTION 'raced' USING ERRCODE = '23505'; END $$"
            try await transaction.query(PostgresStatement.once(lost)())
        }
        let orders = batch.map(\.message.orderId)
        transaction.enqueue(
            PostgresStatement(
                "delivery.insert", "INSERT INTO delivery (order_id) SELECT * FROM unnest($1::uuid[])")(orders)
        )
        let new = try await transaction.query(
            PostgresStatement(
                "effect.insert",
                """
                INSERT INTO effect (order_id, customer) SELECT * FROM unnest($1::uuid[], $2::text[])
                ON CONFLICT DO NOTHING RETURNING order_id
                """)(orders, batch.map(\.message.customerId)))
        var handled = Handled()
        for row in new {
            handled.events.append(try .some("effect of \(try row.identifier(0))", version: 1))
        }
        handled.afterCommit = { self.afterCommits.add(1, ordering: .relaxed) }
        return handled
    }
}

extension OrderCancelled {
    init(by customer: String) {
        self.init(orderId: .fresh(), customerId: customer, email: nil, reason: .customer)
    }

    /// The record that tells of it, on partition 0.
    var record: ProducerRecord {
        get throws {
            let event = try OutgoingEvent(self, version: 1, cause: nil, at: .now())
            let envelope = CloudEvent(
                id: event.id, type: event.topic, time: event.time, subject: event.key,
                correlationID: orderId, causationID: nil, traceparent: nil, version: 1)
            return ProducerRecord(
                topic: event.topic, key: Array(event.key.utf8), value: Array(event.payload.utf8),
                headers: envelope.headers, partition: 0)
        }
    }
}
