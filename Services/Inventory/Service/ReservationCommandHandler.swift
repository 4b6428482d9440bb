import Contracts
import InventoryDomain
import Kafka
import Kernel
import Messaging
import Observability
import Postgres

/// Everything that happens to a reservation goes through here: the hot path of this service.
///
/// Two round trips for a batch. The first locks the reservations and then the products they and the new orders touch,
/// each in the order of their keys; the second writes one change per reservation and one per SKU, and commits.
struct ReservationCommandHandler: BatchHandler {
    let publisher: StockPublisher
    let logger: Logger

    func decode(_ record: KafkaRecord) throws(ContractError) -> Incoming<IncomingEvent> {
        try IncomingEvent.decode(record)
    }

    func handle(
        _ batch: [Incoming<IncomingEvent>], in transaction: PostgresTransaction
    ) async throws -> Handled {
        let orderIDs = Array(Set(batch.map(\.message.orderID)))
        let results = try await transaction.pipeline([
            ReservationStore.lock(orderIDs), ProductStore.lock(batch.wanted, heldBy: orderIDs),
        ])
        var decided = Batch(
            reservations: try ReservationStore.reservations(from: results[0]),
            stock: try ProductStore.stock(from: results[1]))
        let now = Timestamp.now()
        for incoming in batch { try decided.decide(incoming, at: now) }
        let changes = decided.stock.changes
        ReservationStore.write(decided.written, at: now, in: transaction)
        ProductStore.change(changes, in: transaction)
        var handled = decided.handled
        handled.afterCommit = { [publisher, logger, steps = decided.steps] in
            publisher.changed(changes.map(\.sku))
            for step in steps { logger.flow(step.step, order: step.order, step.name, detail: step.detail) }
        }
        return handled
    }

    /// What a batch comes to, decided in memory.
    private struct Batch {
        private(set) var reservations: [Identifier: StoredReservation]
        private(set) var stock: StockBook
        private(set) var handled = Handled()
        /// For the log, once it is true.
        private(set) var steps: [(step: FlowStep, order: String, name: String, detail: String)] = []
        private var changed: Set<Identifier> = []

        init(reservations: [Identifier: StoredReservation], stock: StockBook) {
            self.reservations = reservations
            self.stock = stock
        }

        var written: [StoredReservation] { changed.sorted().compactMap { reservations[$0] } }

        mutating func decide(_ incoming: Incoming<IncomingEvent>, at time: Timestamp) throws {
            let id = incoming.message.orderID
            var reservation = reservations[id] ?? .unknown(id)
            let decision = ReservationDecider.decide(
                reservation.state, incoming.message.message, stock: stock)
            if case .alarm(let words) = decision.outcome { handled.alarms.append("order \(id): \(words)") }
            guard decision.changes else { return }
            reservation.change(to: decision.state)
            reservations[id] = reservation
            changed.insert(id)
            stock.apply(decision.effects)
            for effect in decision.effects {
                note(effect, of: id)
                if let event = try reservation.event(for: effect, cause: incoming, at: time) {
                    handled.events.append(event)
                }
            }
        }

        /// What people watching the log want to see beside the events.
        private mutating func note(_ effect: ReservationEffect, of id: Identifier) {
            switch effect {
            case .rejected(let skus):
                steps.append((.refused, id.description, "out of stock", skus.joined(separator: " ")))
            case .stock(let move) where move.kind == .giveBack:
                let pieces = move.lines.reduce(into: Int64(0)) { $0 &+= $1.quantity }
                steps.append((.compensated, id.description, "stock given back", "\(pieces)"))
            case .stock, .reserved, .released: break
            }
        }
    }
}

extension [Incoming<IncomingEvent>] {
    /// The SKUs that the new orders among them name.
    fileprivate var wanted: Set<String> {
        var skus: Set<String> = []
        for case .created(let order) in lazy.map(\.message) {
            for line in order.lines { skus.insert(line.sku) }
        }
        return skus
    }
}
