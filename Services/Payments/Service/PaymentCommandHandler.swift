import Contracts
import Kafka
import Kernel
import Messaging
import PaymentsDomain
import Postgres

/// What the other services say about an order's money: take it, or let it be.
///
/// The intent to call the gateway is committed here; the call is made after that, by the worker.
struct PaymentCommandHandler: BatchHandler {
    let worker: GatewayWorker

    func decode(_ record: KafkaRecord) throws(ContractError) -> Incoming<IncomingEvent> {
        try IncomingEvent.decode(record)
    }

    /// Two round trips where every order is new, which is the rule: the first rows; the rest and the commit.
    func handle(
        _ batch: [Incoming<IncomingEvent>], in transaction: PostgresTransaction
    ) async throws -> Handled {
        let now = Timestamp.now()
        let first = Self.firstRows(batch)
        let inserted = try await PaymentStore.insert(Array(first.values), at: now, in: transaction)
        let known = first.keys.filter { !inserted.contains($0) }
        let locked = try await PaymentStore.lock(known, in: transaction)
        var changes = PaymentChanges(locked: locked, inserted: inserted, at: now)
        for incoming in batch {
            try changes.apply(incoming.message.message, to: incoming.message.orderID, cause: incoming.event)
        }
        changes.write(lease: worker.lease, in: transaction)
        var handled = Handled()
        handled.events = changes.events
        handled.alarms = changes.alarms
        if !changes.calls.isEmpty {
            handled.afterCommit = { [worker, calls = changes.calls] in worker.offer(calls) }
        }
        return handled
    }

    /// What the first message about each order makes of it if there is no row, so that a row can be inserted
    /// before it is known whether there is one.
    private static func firstRows(_ batch: [Incoming<IncomingEvent>]) -> [Identifier: StoredPayment] {
        var rows: [Identifier: StoredPayment] = [:]
        for incoming in batch where rows[incoming.message.orderID] == nil {
            let state = PaymentDecider.decide(.none, incoming.message.message).state
            rows[incoming.message.orderID] = StoredPayment(
                orderID: incoming.message.orderID, state: state, reason: nil, version: 1)
        }
        return rows
    }
}
