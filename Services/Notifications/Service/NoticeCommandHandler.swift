import Contracts
import Kafka
import Kernel
import Messaging
import NotificationsDomain
import Observability
import Postgres

/// Everything a customer is told goes through here, each thing once.
///
/// Two round trips for a batch: read what was told, and write what is new. Without a mail server, or for a customer
/// without an address, that is all: the stored row is the message, for `GET /v1/notifications` and the log.
struct NoticeCommandHandler: BatchHandler {
    /// Nil without a mail server.
    let mails: MailWorker?
    let logger: Logger
    /// A customer does not mind, and no order waits for it.
    let pace = Duration.milliseconds(100)

    func decode(_ record: KafkaRecord) throws(ContractError) -> Incoming<IncomingEvent> {
        try IncomingEvent.decode(record)
    }

    func handle(
        _ batch: [Incoming<IncomingEvent>], in transaction: PostgresTransaction
    ) async throws -> Handled {
        var told = try await MessageStore.told(Set(batch.map(\.message.orderID)), in: transaction)
        var messages: [NewMessage] = []
        var handled = Handled()
        let now = Timestamp.now()
        for incoming in batch.filter(\.isFirstOfOrder) + batch.filter({ !$0.isFirstOfOrder }) {
            let heard = incoming.message
            let decision = NoticeDecider.decide(
                told[heard.orderID] ?? [], heard.message, order: heard.orderID)
            if case .alarm(let words) = decision.outcome {
                handled.alarms.append("order \(heard.orderID): \(words)")
            }
            told[heard.orderID] = decision.state
            for notice in decision.effects {
                let message = NewMessage(
                    orderID: heard.orderID, customerID: heard.customerID, email: heard.email, notice: notice,
                    version: Int64(decision.state.count),
                    byMail: mails != nil && heard.email != nil)
                messages.append(message)
                if !message.byMail {
                    handled.events.append(try message.event(cause: incoming.event, at: now))
                }
            }
        }
        MessageStore.insert(messages, at: now, in: transaction)
        handled.afterCommit = { [mails, logger, messages] in
            if messages.contains(where: \.byMail) { mails?.mailsWaiting() }
            for message in messages where !message.byMail {
                logger.flow(.told, order: message.orderID.description, message.notice.kind.rawValue)
            }
        }
        return handled
    }
}

extension Incoming<IncomingEvent> {
    /// Whether nothing can have been told before it.
    ///
    /// Topics keep no order between them, so an order's end may stand before its beginning in a batch; the customer
    /// should still hear the beginning first.
    fileprivate var isFirstOfOrder: Bool {
        switch message.message {
        case .created: true
        case .confirmed, .cancelled: false
        }
    }
}
