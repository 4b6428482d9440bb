import Contracts
import Kafka
import Kernel
import Messaging
import Postgres
import SalesDomain

/// Everything that is counted goes through here, each order once.
///
/// Two round trips for a batch: lock what is known of its orders, and write what changed: one row per order, and one
/// sum per product and minute. Instances meet at these sums, in the order of their keys; where each product had its own
/// instance, as after a repartitioning by SKU, they wouldn't, at the price of every line going through Kafka once more.
struct SaleCommandHandler: BatchHandler {
    /// Nobody waits for the numbers, and a sum that is written once for many orders costs as much as for one.
    let pace = Duration.milliseconds(500)

    func decode(_ record: KafkaRecord) throws(ContractError) -> Incoming<IncomingEvent> {
        try IncomingEvent.decode(record)
    }

    func handle(
        _ batch: [Incoming<IncomingEvent>], in transaction: PostgresTransaction
    ) async throws -> Handled {
        var sales = try await SaleStore.lock(Set(batch.map(\.message.orderID)), in: transaction)
        var handled = Handled()
        var changed: Set<Identifier> = []
        var sold: [SoldLines] = []
        for incoming in batch {
            let heard = incoming.message
            var sale = sales[heard.orderID] ?? .unknown(heard.orderID)
            let decision = SaleDecider.decide(sale.state, heard.message(at: incoming.event.time))
            if case .alarm(let words) = decision.outcome {
                handled.alarms.append("order \(heard.orderID): \(words)")
            }
            guard decision.changes else { continue }
            sale.state = decision.state
            sales[heard.orderID] = sale
            changed.insert(heard.orderID)
            sold += decision.effects
        }
        let now = Timestamp.now()
        SaleStore.write(changed.sorted().compactMap { sales[$0] }, at: now, in: transaction)
        WindowStore.add(SalesChange.sums(of: sold), at: now, in: transaction)
        return handled
    }
}
