package import Kernel

/// What sales hears about an order.
package enum SaleMessage: Hashable, Sendable {
    case created([SaleLine])
    case confirmed(at: Timestamp)
    case cancelled
}

/// Lines to count in the window of the time at which they were sold.
package struct SoldLines: Hashable, Sendable {
    package let lines: [SaleLine]
    package let time: Timestamp

    package init(_ lines: [SaleLine], at time: Timestamp) {
        self.lines = lines
        self.time = time
    }
}

package typealias SaleDecision = Decision<Sale, SoldLines>

/// Joins two streams by the order's id: what was wanted, from `orders.created`, and when it was sold, from
/// `orders.confirmed`.
///
///     none ── created ────> placed ───── confirmed ──> counted
///       │                     └───────── cancelled ──> cancelled
///       ├── confirmed ──> confirmed ──── created ────> counted
///       └── cancelled ──> cancelled, before the order itself is heard of: a tombstone
///
/// Two topics keep no order between them, so either side waits for the other. Neither waits in vain: each order that
/// was created is confirmed or cancelled in the end, so the state of the join needs no limit of time.
package enum SaleDecider {
    /// Total: every message has an answer in every state, and no answer is an error.
    package static func decide(_ state: Sale, _ message: SaleMessage) -> SaleDecision {
        switch (state, message) {
        case (.none, .created(let lines)): SaleDecision(.applied, .placed(lines))
        case (.none, .confirmed(let time)): SaleDecision(.applied, .confirmed(time))
        case (.none, .cancelled): SaleDecision(.tombstone, .cancelled)

        case (.placed, .created): SaleDecision(.duplicate, state)
        case (.placed(let lines), .confirmed(let time)): count(lines, at: time)
        case (.placed, .cancelled): SaleDecision(.applied, .cancelled)

        case (.confirmed(let time), .created(let lines)): count(lines, at: time)
        case (.confirmed, .confirmed): SaleDecision(.duplicate, state)
        case (.confirmed, .cancelled): contradiction(state)

        case (.counted, .created), (.counted, .confirmed): SaleDecision(.duplicate, state)
        case (.counted, .cancelled): contradiction(state)

        case (.cancelled, .created): SaleDecision(.stale, state)
        case (.cancelled, .confirmed): contradiction(state)
        case (.cancelled, .cancelled): SaleDecision(.duplicate, state)
        }
    }

    private static func count(_ lines: [SaleLine], at time: Timestamp) -> SaleDecision {
        SaleDecision(.applied, .counted(time), effects: [SoldLines(lines, at: time)])
    }

    private static func contradiction(_ state: Sale) -> SaleDecision {
        SaleDecision(.alarm("an order that is both confirmed and cancelled"), state)
    }
}
