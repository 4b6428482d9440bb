package import Kernel

/// What inventory hears about an order.
package enum ReservationMessage: Hashable, Sendable {
    case created([StockLine])
    case declined
    case cancelling
    case confirmed
}

/// What is to be done, and what others must hear.
package enum ReservationEffect: Hashable, Sendable {
    case stock(StockMove)
    case reserved
    /// The SKUs that fell short, each once.
    case rejected([String])
    case released
}

package typealias ReservationDecision = Decision<Reservation, ReservationEffect>

/// Whether stock is held for an order.
///
///     none ── created ──> held ── confirmed ─────────────> sold
///       │        │          └──── declined, cancelling ──> released
///       │        └──────> rejected
///       └── cancelling ──> released, before the order itself is heard of: a tombstone
package enum ReservationDecider {
    /// Total: every message has an answer in every state, and no answer is an error.
    ///
    /// The stock is only read; the caller applies the decision's effects to it before the next decision.
    package static func decide(
        _ state: Reservation, _ message: ReservationMessage, stock: StockBook
    ) -> ReservationDecision {
        switch (state, message) {
        case (.none, .created(let lines)): reserve(lines, from: stock)
        // Neither can be before the stock was held, and that was here.
        case (.none, .declined), (.none, .confirmed): contradiction(state, message)
        case (.none, .cancelling): ReservationDecision(.tombstone, .released, effects: [.released])

        case (.held, .created): ReservationDecision(.duplicate, state)
        case (.held(let lines), .declined), (.held(let lines), .cancelling):
            ReservationDecision(
                .applied, .released, effects: [.stock(StockMove(.giveBack, lines)), .released])
        case (.held(let lines), .confirmed):
            ReservationDecision(.applied, .sold, effects: [.stock(StockMove(.sell, lines))])

        case (.rejected, .created): ReservationDecision(.duplicate, state)
        // Orders counts the rejection as its answer.
        case (.rejected, .cancelling): ReservationDecision(.stale, state)
        case (.rejected, .declined), (.rejected, .confirmed): contradiction(state, message)

        // Refused by the tombstone, or heard again: either way nothing may be held any more.
        case (.released, .created): ReservationDecision(.stale, state)
        case (.released, .declined), (.released, .cancelling): ReservationDecision(.duplicate, state)
        case (.released, .confirmed): contradiction(state, message)

        case (.sold, .created): ReservationDecision(.stale, state)
        case (.sold, .confirmed): ReservationDecision(.duplicate, state)
        case (.sold, .declined), (.sold, .cancelling): contradiction(state, message)
        }
    }

    private static func reserve(_ lines: [StockLine], from stock: StockBook) -> ReservationDecision {
        guard !lines.isEmpty, lines.allSatisfy({ $0.quantity > 0 }) else {
            return ReservationDecision(.alarm("an order without lines or with a quantity below 1"), .none)
        }
        var short: [String] = []
        for (index, line) in lines.enumerated() where !short.contains(line.sku) {
            let needed = needed(line.sku, in: lines, from: index)
            if (stock.available(line.sku) ?? 0) < needed { short.append(line.sku) }
        }
        guard short.isEmpty else {
            return ReservationDecision(.applied, .rejected, effects: [.rejected(short)])
        }
        return ReservationDecision(
            .applied, .held(lines), effects: [.stock(StockMove(.hold, lines)), .reserved])
    }

    /// How many of a SKU the lines want, from `index` on.
    ///
    /// Orders names each SKU once; stock must not go below zero even if somebody else does not.
    private static func needed(_ sku: String, in lines: [StockLine], from index: Int) -> Int64 {
        var sum: Int64 = 0
        for line in lines[index...] where line.sku == sku {
            let (next, overflow) = sum.addingReportingOverflow(line.quantity)
            guard !overflow else { return .max }
            sum = next
        }
        return sum
    }

    private static func contradiction(_ state: Reservation, _ message: ReservationMessage)
        -> ReservationDecision
    {
        ReservationDecision(
            .alarm("\(message.word) contradicts a reservation that is \(state.status)"), state)
    }
}

extension ReservationMessage {
    fileprivate var word: String {
        switch self {
        case .created: "created"
        case .declined: "declined"
        case .cancelling: "cancelling"
        case .confirmed: "confirmed"
        }
    }
}
