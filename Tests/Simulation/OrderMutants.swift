import Kernel
import OrdersDomain

extension Mutant {
    static let orders: [Mutant] = [
        order("a cancellation does not wait for the money") { state, message in
            guard state.status == .cancelling, state.cancellation != nil, message == .stockReleased else {
                return nil
            }
            return set(.released, .voided, state.cancellation, state.reason.map { [.cancelled($0)] } ?? [])
        },
        order("a cancellation does not wait for the stock") { state, message in
            guard state.stock == .open, state.cancellation != nil, message == .paymentVoided else {
                return nil
            }
            return set(.released, .voided, state.cancellation, state.reason.map { [.cancelled($0)] } ?? [])
        },
        order("a declined payment does not wait for the stock") { state, message in
            guard state == .placed, message == .paymentDeclined else { return nil }
            return set(.released, .declined, nil, [.cancelled(.paymentDeclined)])
        },
        order("a confirmed order can be cancelled") { state, message in
            guard state.status == .confirmed, message == .cancel(by: .customer) else { return nil }
            return set(.open, .captured, .customer, [.cancelling(.customer)])
        },
        order("the deadline cancels a confirmed order") { state, message in
            guard state.status == .confirmed, message == .cancel(by: .deadline) else { return nil }
            return set(.open, .captured, .deadline, [.cancelling(.deadline)])
        },
        order("a capture confirms an order that is cancelling") { state, message in
            guard state.status == .cancelling, message == .paymentCaptured else { return nil }
            return set(.open, .captured, nil, [.confirmed])
        },
        order("a second cancel is told again") { state, message in
            guard state.status == .cancelling, let reason = state.reason, case .cancel = message else {
                return nil
            }
            return OrderDecision(.applied, state, effects: [.cancelling(reason)])
        },
        order("a duplicate capture confirms again") { state, message in
            guard state.status == .confirmed, message == .paymentCaptured else { return nil }
            return OrderDecision(.applied, state, effects: [.confirmed])
        },
        order("a duplicate rejection cancels again") { state, message in
            guard state.stock == .rejected, message == .stockRejected else { return nil }
            return OrderDecision(.applied, state, effects: [.cancelled(.outOfStock)])
        },
        order("a release that comes before its declined payment is forgotten") { state, message in
            guard state == .placed, message == .stockReleased else { return nil }
            return OrderDecision(.stale, state)
        },
        order("a rejection does not count as settled stock") { state, message in
            guard state.status == .cancelling, message == .stockRejected else { return nil }
            return OrderDecision(.stale, state)
        },
        order("a decline does not count as settled money") { state, message in
            guard state.cancellation != nil, message == .paymentDeclined else { return nil }
            return OrderDecision(.stale, state)
        },
        order("a refund without a known capture is forgotten") { state, message in
            guard state.money == .open, message == .paymentRefunded else { return nil }
            return OrderDecision(.stale, state)
        },
        order("a late capture undoes the refund") { state, message in
            guard state.money == .refunded, message == .paymentCaptured else { return nil }
            return set(state.stock, .captured, state.cancellation)
        },
        order("a stale capture is an alarm") { state, message in
            guard state.money == .refunded, message == .paymentCaptured else { return nil }
            return OrderDecision(.alarm("stale"), state)
        },
        order("the cancellation is not told") { state, message in
            guard state.status == .pending, case .cancel(let canceller) = message else { return nil }
            return set(state.stock, state.money, canceller)
        },
    ]

    /// Replaces what the order decider says where `other` has an answer.
    private static func order(
        _ name: String, _ other: @escaping @Sendable (OrderState, OrderMessage) -> OrderDecision?
    ) -> Mutant {
        Mutant(name) {
            $0.order = { state, message in other(state, message) ?? OrderDecider.decide(state, message) }
        }
    }

    private static func set(
        _ stock: StockFact, _ money: MoneyFact, _ cancellation: Canceller?, _ effects: [OrderEffect] = []
    ) -> OrderDecision? {
        OrderState(stock: stock, money: money, cancellation: cancellation).map {
            OrderDecision(.applied, $0, effects: effects)
        }
    }
}
