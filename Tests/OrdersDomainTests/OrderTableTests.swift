import Kernel
import OrdersDomain
import Testing

/// The decider as a table: a row for each state, a column for each message.
///
///     .  applied, nothing to tell      F  applied, tells confirmed       D  duplicate     R  refused
///     C  applied, tells cancelling     X  applied, tells cancelled       S  stale         !  alarm
@Suite("Order decisions, every cell")
struct OrderTableTests {
    static let messages: [OrderMessage] = [
        .stockRejected, .stockReleased, .paymentCaptured, .paymentDeclined, .paymentVoided, .paymentRefunded,
        .cancel(by: .customer), .cancel(by: .deadline),
    ]

    //                                      rejected released captured declined voided refunded customer deadline
    static let uncancelled: [(StockFact, MoneyFact, String)] = [
        (.open, .open, "                    X        .        F        .        !      !        C        C"),
        (.released, .open, "                !        D        !        X        !      !        C        C"),
        (.rejected, .open, "                D        !        !        !        !      !        D        S"),
        (.open, .captured, "                !        !        D        !        !      !        R        S"),
        (.open, .declined, "                !        X        !        D        !      !        D        S"),
        (.released, .declined, "            !        D        !        D        !      !        D        S"),
    ]

    static let cancelled: [(StockFact, MoneyFact, String)] = [
        (.open, .open, "                    .        .        .        .        .      .        D        S"),
        (.open, .captured, "                !        .        D        !        !      .        D        S"),
        (.open, .declined, "                !        X        !        D        !      !        D        S"),
        (.open, .voided, "                  X        X        !        !        D      !        D        S"),
        (.open, .refunded, "                !        X        S        !        !      D        D        S"),
        (.rejected, .open, "                D        !        !        !        X      !        D        S"),
        (.rejected, .voided, "              D        !        !        !        D      !        D        S"),
        (.released, .open, "                !        D        .        X        X      X        D        S"),
        (.released, .captured, "            !        D        D        !        !      X        D        S"),
        (.released, .declined, "            !        D        !        D        !      !        D        S"),
        (.released, .voided, "              !        D        !        !        D      !        D        S"),
        (.released, .refunded, "            !        D        S        !        !      D        D        S"),
    ]

    struct Row: CustomTestStringConvertible {
        let state: OrderState
        let marks: [Character]

        var testDescription: String {
            "\(state.stock) \(state.money) \(state.cancellation?.rawValue ?? "-")"
        }
    }

    static let rows: [Row] =
        uncancelled.compactMap { row($0, nil) }
        + Canceller.allCases.flatMap { canceller in cancelled.compactMap { row($0, canceller) } }

    static func row(_ cells: (StockFact, MoneyFact, String), _ canceller: Canceller?) -> Row? {
        OrderState(stock: cells.0, money: cells.1, cancellation: canceller).map { state in
            Row(state: state, marks: cells.2.filter { $0 != " " })
        }
    }

    static func mark(_ decision: OrderDecision) -> Character {
        switch decision.outcome {
        case .applied: applied(decision)
        case .tombstone: "T"
        case .duplicate: "D"
        case .stale: "S"
        case .refused: "R"
        case .alarm: "!"
        }
    }

    static func applied(_ decision: OrderDecision) -> Character {
        if decision.effects.isEmpty { return "." }
        guard let reason = decision.state.reason else { return decision.effects == [.confirmed] ? "F" : "?" }
        if decision.effects == [.cancelling(reason)] { return "C" }
        return decision.effects == [.cancelled(reason)] ? "X" : "?"
    }

    @Test(arguments: rows)
    func `each message has the answer the table gives`(row: Row) {
        #expect(row.marks.count == Self.messages.count)
        for (message, expected) in zip(Self.messages, row.marks) {
            let decision = OrderDecider.decide(row.state, message)
            #expect(Self.mark(decision) == expected, "\(message)")
            #expect(decision.changes == (decision.state != row.state), "\(message)")
            if !decision.changes { #expect(decision.effects.isEmpty, "\(message)") }
        }
    }

    @Test func `the table has a row for each state an order can reach, and for no other`() {
        var reached: Set<OrderState> = [.placed]
        var frontier = [OrderState.placed]
        while let state = frontier.popLast() {
            for message in Self.messages {
                let next = OrderDecider.decide(state, message).state
                if reached.insert(next).inserted { frontier.append(next) }
            }
        }
        #expect(Self.rows.count == 30)
        #expect(reached == Set(Self.rows.map(\.state)))
    }

    @Test func `facts that can't be true together make no state`() {
        let possible = Set(Self.rows.map(\.state))
        for stock in StockFact.allCases {
            for money in MoneyFact.allCases {
                for cancellation in [nil, Canceller.customer, .deadline] {
                    let state = OrderState(stock: stock, money: money, cancellation: cancellation)
                    #expect(state.map { possible.contains($0) } ?? true, "\(stock) \(money)")
                }
            }
        }
    }
}
