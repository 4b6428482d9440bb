import Contracts
import InventoryDomain
import Kernel
import NotificationsDomain
import OrdersDomain
import PaymentsDomain

/// The services that an order passes.
enum Service: String, Sendable, CaseIterable { case orders, inventory, payments, notifications }

/// What the deciders that ship have made of an order's events: the state of each service, as a fold.
struct RebuiltOrder: Hashable, Sendable {
    /// Nil before it was placed.
    private(set) var order: OrderState?
    private(set) var stock = Reservation.none
    /// What is or was held.
    private(set) var held: [StockLine] = []
    private(set) var money = Payment.none
    /// The gateway's word for a refusal.
    private(set) var refusal: String?
    private(set) var postings: [Posting] = []
    private(set) var told: Set<NoticeKind> = []
    /// By service, how often its state has changed, which is the version of its row.
    private(set) var versions: [Service: Int64] = [:]

    /// The decider's outcome is an alarm, or the service does not hear this.
    struct Contradiction: Error { let words: String }

    /// Takes over one service's part of another state.
    mutating func adopt(_ service: Service, from other: RebuiltOrder) {
        switch service {
        case .orders: order = other.order
        case .inventory: (stock, held) = (other.stock, other.held)
        case .payments: (money, refusal, postings) = (other.money, other.refusal, other.postings)
        case .notifications: told = other.told
        }
        versions[service] = other.versions[service]
    }

    /// Its birth, which nobody decides: a request that was priced.
    mutating func place() {
        order = .placed
        versions[.orders] = 1
    }

    /// Has a service hear an event.
    ///
    /// - Parameters:
    ///   - placed: what the order was placed with, which later events repeat.
    ///   - short: the SKUs that fall short. The levels of stock come from outside the order, as the gateway's answers do;
    ///     what inventory said tells them.
    /// - Returns: the events that the service tells of it, in full; what else it does is in the state.
    /// - Throws: `Contradiction`; the state is to be thrown away.
    mutating func hear(
        _ fact: OrderFact, at service: Service, placed: OrderCreated?, short: [String] = []
    ) throws(Contradiction) -> [OrderFact] {
        switch service {
        case .orders: return try decide(try heard(OrderMessage(fact)), placed)
        case .inventory: return try decide(try heard(ReservationMessage(fact)), fact, short)
        case .payments: return try decide(try heard(PaymentMessage(fact)), of: fact.event.orderId)
        case .notifications:
            let message = try heard(NoticeMessage(fact))
            let decision = NoticeDecider.decide(told, message, order: fact.event.orderId)
            try heed(decision.outcome)
            told = decision.state
            return []
        }
    }

    private func heard<Message>(_ message: Message?) throws(Contradiction) -> Message {
        guard let message else { throw Contradiction(words: "the service does not hear this") }
        return message
    }

    /// What orders decides, on an event or on a command.
    mutating func decide(_ message: OrderMessage, _ placed: OrderCreated?) throws(Contradiction)
        -> [OrderFact]
    {
        guard let order, let placed else { throw Contradiction(words: "the order was not placed") }
        let decision = OrderDecider.decide(order, message)
        try heed(decision.outcome)
        self.order = decision.state
        count(decision.changes, .orders)
        return decision.effects.map { effect in
            switch effect {
            case .confirmed:
                .confirmed(
                    OrderConfirmed(
                        orderId: placed.orderId, customerId: placed.customerId, email: placed.email,
                        total: placed.total))
            case .cancelling(let reason):
                .cancelling(OrderCancelling(orderId: placed.orderId, reason: CancellationReason(reason)))
            case .cancelled(let reason):
                .cancelled(
                    OrderCancelled(
                        orderId: placed.orderId, customerId: placed.customerId, email: placed.email,
                        reason: CancellationReason(reason)))
            }
        }
    }

    private mutating func decide(
        _ message: ReservationMessage, _ fact: OrderFact, _ short: [String]
    ) throws(Contradiction) -> [OrderFact] {
        var levels: [String: StockLevel] = [:]
        if case .created(let lines) = message {
            for line in lines where !short.contains(line.sku) {
                levels[line.sku] = StockLevel(available: .max)
            }
        }
        let decision = ReservationDecider.decide(stock, message, stock: StockBook(levels))
        try heed(decision.outcome)
        stock = decision.state
        if case .held(let lines) = stock { held = lines }
        count(decision.changes, .inventory)
        return decision.effects.compactMap { effect in
            switch (effect, fact) {
            case (.reserved, .created(let order)):
                .reserved(
                    StockReserved(
                        orderId: order.orderId, total: order.total, paymentToken: order.paymentToken))
            case (.rejected(let skus), _):
                .rejected(StockRejected(orderId: fact.event.orderId, skus: skus))
            case (.released, _): .released(StockReleased(orderId: fact.event.orderId))
            case (.stock, _), (.reserved, _): nil
            }
        }
    }

    /// What payments decides, on an event or on the gateway's answer.
    mutating func decide(
        _ message: PaymentMessage, of order: Identifier
    ) throws(Contradiction) -> [OrderFact] {
        let decision = PaymentDecider.decide(money, message)
        try heed(decision.outcome)
        money = decision.state
        if case .gatewayDeclined(let reason) = message { refusal = reason }
        count(decision.changes, .payments)
        var said: [OrderFact] = []
        for effect in decision.effects {
            switch effect {
            case .callGateway: break
            case .post(let posting): postings.append(posting)
            case .captured(let amount):
                said.append(.captured(PaymentCaptured(orderId: order, amount: amount)))
            case .declined(let reason):
                said.append(.declined(PaymentDeclined(orderId: order, reason: reason)))
            case .voided: said.append(.voided(PaymentVoided(orderId: order)))
            case .refunded(let amount):
                said.append(.refunded(PaymentRefunded(orderId: order, amount: amount)))
            }
        }
        return said
    }

    private mutating func count(_ changes: Bool, _ service: Service) {
        if changes { versions[service, default: 0] += 1 }
    }

    private func heed(_ outcome: Outcome) throws(Contradiction) {
        if case .alarm(let words) = outcome { throw Contradiction(words: words) }
    }
}

// What an event means to each service, as the service's own `IncomingEvents` has it.

extension OrderMessage {
    fileprivate init?(_ fact: OrderFact) {
        switch fact {
        case .rejected: self = .stockRejected
        case .released: self = .stockReleased
        case .captured: self = .paymentCaptured
        case .declined: self = .paymentDeclined
        case .voided: self = .paymentVoided
        case .refunded: self = .paymentRefunded
        case .created, .confirmed, .cancelling, .cancelled, .reserved, .sent: return nil
        }
    }
}

extension ReservationMessage {
    fileprivate init?(_ fact: OrderFact) {
        switch fact {
        case .created(let order):
            self = .created(order.lines.map { StockLine(sku: $0.sku, quantity: $0.quantity) })
        case .declined: self = .declined
        case .cancelling: self = .cancelling
        case .confirmed: self = .confirmed
        case .cancelled, .reserved, .rejected, .released, .captured, .voided, .refunded, .sent: return nil
        }
    }
}

extension PaymentMessage {
    fileprivate init?(_ fact: OrderFact) {
        switch fact {
        case .reserved(let event): self = .reserved(Charge(amount: event.total, token: event.paymentToken))
        case .cancelling: self = .cancelling
        case .created, .confirmed, .cancelled, .rejected, .released, .captured, .declined, .voided, .refunded,
            .sent:
            return nil
        }
    }
}

extension NoticeMessage {
    fileprivate init?(_ fact: OrderFact) {
        switch fact {
        case .created(let event): self = .created(total: event.total)
        case .confirmed(let event): self = .confirmed(total: event.total)
        case .cancelled(let event):
            guard let reason = NoticeReason(rawValue: event.reason.rawValue) else { return nil }
            self = .cancelled(reason: reason)
        case .cancelling, .reserved, .rejected, .released, .captured, .declined, .voided, .refunded, .sent:
            return nil
        }
    }
}

extension CancellationReason {
    fileprivate init(_ reason: CancelReason) {
        switch reason {
        case .outOfStock: self = .outOfStock
        case .paymentDeclined: self = .paymentDeclined
        case .customer: self = .customer
        case .deadline: self = .deadline
        }
    }
}
