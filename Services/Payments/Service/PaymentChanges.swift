import Contracts
import Kernel
import Messaging
import PaymentsDomain
import Postgres

/// What a batch of messages does to payments, decided in memory on rows that are locked or new, then written
/// at once.
struct PaymentChanges: Sendable {
    private var payments: [Identifier: StoredPayment]
    /// The versions in the table; a payment with a higher one has to be written.
    private let stored: [Identifier: Int64]
    private let now: Timestamp
    private(set) var events: [OutgoingEvent] = []
    private(set) var alarms: [String] = []
    private(set) var calls: [OutstandingCall] = []
    private var postings: [(orderID: Identifier, posting: Posting)] = []

    /// - Parameters:
    ///   - locked: the payments as the table has them, under lock.
    ///   - inserted: orders whose first row this transaction has just inserted, as the first message had it.
    init(locked: [Identifier: StoredPayment], inserted: Set<Identifier> = [], at now: Timestamp) {
        self.payments = locked
        var stored = locked.mapValues(\.version)
        for order in inserted { stored[order] = 1 }
        self.stored = stored
        self.now = now
    }

    /// - Throws: only for an event that JSON can't hold, which none of ours is.
    mutating func apply(_ message: PaymentMessage, to order: Identifier, cause: CloudEvent?) throws {
        var payment =
            payments[order] ?? StoredPayment(orderID: order, state: .none, reason: nil, version: 0)
        let decision = PaymentDecider.decide(payment.state, message)
        if case .alarm(let words) = decision.outcome { alarms.append("order \(order): \(words)") }
        guard decision.changes else { return }
        payment.state = decision.state
        payment.version += 1
        if case .gatewayDeclined(let reason) = message { payment.reason = reason }
        payments[order] = payment
        for effect in decision.effects {
            switch effect {
            case .callGateway(let call):
                calls.append(OutstandingCall(orderID: order, call: call, cause: cause))
            case .post(let posting): postings.append((order, posting))
            case .captured, .declined, .voided, .refunded:
                if let event = try payment.event(for: effect, cause: cause, at: now) { events.append(event) }
            }
        }
    }

    /// Leaves everything but the events with `transaction`: state first, events last.
    func write(lease: Duration, in transaction: PostgresTransaction) {
        let changed = payments.values.filter { $0.version > stored[$0.orderID] ?? 0 }
            .sorted { $0.orderID < $1.orderID }
        PaymentStore.update(changed, at: now, in: transaction)
        LedgerStore.post(postings, at: now, in: transaction)
        GatewayCallStore.insert(calls, lease: lease, in: transaction)
    }
}
