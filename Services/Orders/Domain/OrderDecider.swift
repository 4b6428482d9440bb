package import Kernel

/// What an order can be told after it was placed.
package enum OrderMessage: Hashable, Sendable {
    case stockRejected
    case stockReleased
    case paymentCaptured
    case paymentDeclined
    case paymentVoided
    case paymentRefunded
    case cancel(by: Canceller)
}

/// What others must hear about an order.
package enum OrderEffect: Hashable, Sendable {
    case confirmed
    /// Inventory and payments are to give back what they hold. Only for a customer's or the deadline's
    /// cancellation: of a declined payment inventory hears from payments itself.
    case cancelling(CancelReason)
    case cancelled(CancelReason)
}

package typealias OrderDecision = Decision<OrderState, OrderEffect>

/// The life of an order.
///
///     pending ── captured ──────────────────────────────> confirmed
///        ├────── rejected ──────────────────────────────> cancelled (out_of_stock)
///        ├────── declined ──> cancelling ── released ───> cancelled (payment_declined)
///        └────── cancel ────> cancelling ── rejected or released
///                                           and declined, voided or refunded ──> cancelled (customer, deadline)
package enum OrderDecider {
    /// Total: every message has an answer in every state, and no answer is an error.
    ///
    /// A `cancel` is answered by the outcome and the status together: refused means confirmed before;
    /// anything else means cancelling or cancelled, whether by this or by an earlier message.
    package static func decide(_ state: OrderState, _ message: OrderMessage) -> OrderDecision {
        switch message {
        case .stockRejected: hear(.rejected, state, message)
        case .stockReleased: hear(.released, state, message)
        case .paymentCaptured: hear(.captured, state, message)
        case .paymentDeclined: hear(.declined, state, message)
        case .paymentVoided: hear(.voided, state, message)
        case .paymentRefunded: hear(.refunded, state, message)
        case .cancel(let canceller): cancel(state, by: canceller)
        }
    }

    private static func hear(_ fact: StockFact, _ state: OrderState, _ message: OrderMessage) -> OrderDecision
    {
        switch (state.stock, fact) {
        case (.open, _): move(state, to: (fact, state.money), message)
        case (.rejected, .rejected), (.released, .released): OrderDecision(.duplicate, state)
        // Nobody says that stock is open again.
        case (.rejected, .open), (.released, .open): contradiction(state, message)
        case (.rejected, .released), (.released, .rejected): contradiction(state, message)
        }
    }

    private static func hear(_ fact: MoneyFact, _ state: OrderState, _ message: OrderMessage) -> OrderDecision
    {
        switch (state.money, fact) {
        case (.open, _): move(state, to: (state.stock, fact), message)
        case (.captured, .refunded): move(state, to: (state.stock, fact), message)
        // The capture that was given back is heard late, or again.
        case (.refunded, .captured): OrderDecision(.stale, state)
        case (.captured, .captured), (.declined, .declined), (.voided, .voided), (.refunded, .refunded):
            OrderDecision(.duplicate, state)
        case (.captured, .open), (.captured, .declined), (.captured, .voided): contradiction(state, message)
        case (.declined, .open), (.declined, .captured), (.declined, .voided), (.declined, .refunded):
            contradiction(state, message)
        case (.voided, .open), (.voided, .captured), (.voided, .declined), (.voided, .refunded):
            contradiction(state, message)
        case (.refunded, .open), (.refunded, .declined), (.refunded, .voided): contradiction(state, message)
        }
    }

    private static func cancel(_ state: OrderState, by canceller: Canceller) -> OrderDecision {
        switch (state.status, canceller) {
        case (.pending, _):
            move(state, to: (state.stock, state.money), .cancel(by: canceller), cancelledBy: canceller)
        case (.cancelling, .customer), (.cancelled, .customer): OrderDecision(.duplicate, state)
        case (.confirmed, .customer): OrderDecision(.refused, state)
        case (.confirmed, .deadline), (.cancelling, .deadline), (.cancelled, .deadline):
            OrderDecision(.stale, state)
        }
    }

    /// Takes the new facts unless they can't all be true, and tells what the change of status means.
    private static func move(
        _ state: OrderState, to facts: (stock: StockFact, money: MoneyFact), _ message: OrderMessage,
        cancelledBy canceller: Canceller? = nil
    ) -> OrderDecision {
        guard
            let next = OrderState(
                stock: facts.stock, money: facts.money, cancellation: canceller ?? state.cancellation)
        else { return contradiction(state, message) }
        return OrderDecision(.applied, next, effects: effects(from: state, to: next))
    }

    private static func effects(from old: OrderState, to new: OrderState) -> [OrderEffect] {
        guard old.status != new.status else { return [] }
        switch (new.status, new.reason) {
        case (.confirmed, _): return [.confirmed]
        case (.cancelling, .customer?): return [.cancelling(.customer)]
        case (.cancelling, .deadline?): return [.cancelling(.deadline)]
        case (.cancelled, let reason?): return [.cancelled(reason)]
        case (.cancelling, .paymentDeclined?), (.cancelling, .outOfStock?), (.cancelling, nil): return []
        case (.pending, _), (.cancelled, nil): return []
        }
    }

    private static func contradiction(_ state: OrderState, _ message: OrderMessage) -> OrderDecision {
        let cancellation = state.cancellation?.rawValue ?? "nobody"
        let known = "stock \(state.stock), money \(state.money), cancelled by \(cancellation)"
        return OrderDecision(.alarm("\(message) contradicts \(known)"), state)
    }
}
