import Contracts
import Kafka
import Kernel
import Messaging
import Observability
import OrdersDomain
import Postgres

/// Everything that happens to an order after it was placed goes through here, whoever says it: an event, a customer, the
/// clock.
struct OrderCommandHandler: BatchHandler {
    let waiters: OrderWaiters
    let metrics: OrderMetrics
    let logger: Logger

    /// One thing said about one order, and the event that said it.
    struct Command: Sendable {
        let orderID: Identifier
        let message: OrderMessage
        let cause: CloudEvent?
    }

    /// What became of a command.
    struct Answer: Sendable {
        let outcome: Outcome
        let order: StoredOrder
    }

    func decode(_ record: KafkaRecord) throws(ContractError) -> Incoming<IncomingEvent> {
        try IncomingEvent.decode(record)
    }

    func handle(
        _ batch: [Incoming<IncomingEvent>], in transaction: PostgresTransaction
    ) async throws -> Handled {
        var products: [ProductStock] = []
        var commands: [Command] = []
        for incoming in batch {
            switch incoming.message {
            case .order(let id, let message):
                commands.append(Command(orderID: id, message: message, cause: incoming.event))
            case .product(let product): products.append(product)
            }
        }
        ProductStore.upsert(products, in: transaction)
        guard !commands.isEmpty else { return Handled() }
        return try await apply(commands, in: transaction).handled
    }

    /// Applies commands of a customer or the clock in a transaction of their own; the answers are those of `apply`.
    func commit(_ commands: [Command], in pool: PostgresPool, _ relay: OutboxRelay) async throws -> [Answer?]
    {
        let (answers, handled) = try await pool.transaction { transaction in
            let (answers, handled) = try await apply(commands, in: transaction)
            Outbox.append(handled.events, to: transaction)
            return (answers, handled)
        }
        if !handled.events.isEmpty { relay.eventsWritten() }
        handled.afterCommit?()
        return answers
    }

    /// Locks, decides, writes: the answers stand in the order of `commands`, nil where there is no such order.
    func apply(
        _ commands: [Command], in transaction: PostgresTransaction
    ) async throws -> (answers: [Answer?], handled: Handled) {
        var orders = try await OrderStore.lock(Set(commands.map(\.orderID)), in: transaction)
        var changed: Set<Identifier> = []
        var answers: [Answer?] = []
        var handled = Handled()
        let now = Timestamp.now()
        for command in commands {
            guard var order = orders[command.orderID] else {
                handled.alarms.append("\(command.message) for order \(command.orderID), which is not ours")
                answers.append(nil)
                continue
            }
            let decision = OrderDecider.decide(order.state, command.message)
            if case .alarm(let words) = decision.outcome {
                handled.alarms.append("order \(order.id): \(words)")
            }
            if decision.changes {
                order.state = decision.state
                order.version += 1
                orders[order.id] = order
                changed.insert(order.id)
                handled.events += try decision.effects.map {
                    try order.event(for: $0, cause: command.cause, at: now)
                }
            }
            answers.append(Answer(outcome: decision.outcome, order: order))
        }
        let written = changed.sorted().compactMap { orders[$0] }
        OrderStore.update(written, at: now, in: transaction)
        handled.afterCommit = { [waiters, metrics, logger] in
            let ended = written.filter { $0.hasEnded }
            metrics.ended(ended, at: now)
            waiters.notify(ended.map { $0.ending(at: now) })
            for order in ended where logger.logLevel <= .info {
                let word =
                    order.state.reason.map { "cancelled: \($0.rawValue)" } ?? order.state.status.rawValue
                logger.flow(
                    .ended, order: order.id.description, word,
                    detail: "\(now.since(order.createdAt).milliseconds)ms total")
            }
        }
        return (answers, handled)
    }
}

extension StoredOrder {
    /// Whether nothing more can happen to it.
    var hasEnded: Bool {
        switch state.status {
        case .confirmed, .cancelled: true
        case .pending, .cancelling: false
        }
    }

    fileprivate func ending(at time: Timestamp) -> OrderEnding {
        OrderEnding(
            id: id, status: state.status.rawValue, reason: state.reason?.rawValue, version: version,
            updatedAt: time)
    }
}
