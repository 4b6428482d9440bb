import InventoryDomain
import Kernel

extension Mutant {
    static let inventory: [Mutant] = [
        reservation("a duplicate order is held again") { state, message in
            guard case (.held, .created(let lines)) = (state, message) else { return nil }
            return ReservationDecision(
                .applied, state, effects: [.stock(StockMove(.hold, lines)), .reserved])
        },
        reservation("a sold order is held again") { state, message in
            guard case (.sold, .created(let lines)) = (state, message) else { return nil }
            return ReservationDecision(
                .applied, .held(lines), effects: [.stock(StockMove(.hold, lines)), .reserved])
        },
        reservation("a rejected order is tried again") { state, message in
            guard case (.rejected, .created(let lines)) = (state, message) else { return nil }
            return ReservationDecision(
                .applied, .held(lines), effects: [.stock(StockMove(.hold, lines)), .reserved])
        },
        reservation("a cancel before the order leaves no tombstone") { state, message in
            guard case (.none, .cancelling) = (state, message) else { return nil }
            return ReservationDecision(.stale, state)
        },
        reservation("the tombstone answers but is not kept") { state, message in
            guard case (.none, .cancelling) = (state, message) else { return nil }
            return ReservationDecision(.tombstone, .none, effects: [.released])
        },
        reservation("the tombstone does not refuse the late order") { state, message in
            guard case (.released, .created(let lines)) = (state, message) else { return nil }
            return ReservationDecision(
                .applied, .held(lines), effects: [.stock(StockMove(.hold, lines)), .reserved])
        },
        reservation("stock is not looked at") { state, message in
            guard case (.none, .created(let lines)) = (state, message) else { return nil }
            return ReservationDecision(
                .applied, .held(lines), effects: [.stock(StockMove(.hold, lines)), .reserved])
        },
        reservation("a cancel releases without giving back") { state, message in
            guard case (.held, .cancelling) = (state, message) else { return nil }
            return ReservationDecision(.applied, .released, effects: [.released])
        },
        reservation("a cancel of held stock is ignored") { state, message in
            guard case (.held, .cancelling) = (state, message) else { return nil }
            return ReservationDecision(.stale, state)
        },
        reservation("a declined payment of held stock is ignored") { state, message in
            guard case (.held, .declined) = (state, message) else { return nil }
            return ReservationDecision(.stale, state)
        },
        reservation("a release is told twice") { state, message in
            guard case (.released, .cancelling) = (state, message) else { return nil }
            return ReservationDecision(.applied, state, effects: [.released])
        },
        reservation("a rejected order answers a cancel too") { state, message in
            guard case (.rejected, .cancelling) = (state, message) else { return nil }
            return ReservationDecision(.applied, .released, effects: [.released])
        },
        reservation("a confirmation is ignored") { state, message in
            guard case (.held, .confirmed) = (state, message) else { return nil }
            return ReservationDecision(.stale, state)
        },
        reservation("a duplicate confirmation is an alarm") { state, message in
            guard case (.sold, .confirmed) = (state, message) else { return nil }
            return ReservationDecision(.alarm("sold"), state)
        },
    ]

    /// Replaces what the reservation decider says where `other` has an answer.
    private static func reservation(
        _ name: String,
        _ other: @escaping @Sendable (Reservation, ReservationMessage) -> ReservationDecision?
    ) -> Mutant {
        Mutant(name) { rules in
            rules.reservation = { state, message, stock in
                other(state, message) ?? ReservationDecider.decide(state, message, stock: stock)
            }
        }
    }
}
