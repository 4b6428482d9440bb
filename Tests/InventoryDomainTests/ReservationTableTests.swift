import InventoryDomain
import Kernel
import Testing

@Suite("Reservation decisions, every cell")
struct ReservationTableTests {
    static let lines = [StockLine(sku: "mug", quantity: 2), StockLine(sku: "tea", quantity: 1)]
    static let stock = StockBook(["mug": StockLevel(available: 2), "tea": StockLevel(available: 9)])

    static let states: [Reservation] = [.none, .held(lines), .rejected, .released, .sold]
    static let messages: [ReservationMessage] = [.created(lines), .declined, .cancelling, .confirmed]

    /// H held, L released, O sold, T tombstone, D duplicate, S stale, ! alarm.
    //                   created declined cancelling confirmed
    static let table = [
        "                H       !        T          !",
        "                D       L        L          O",
        "                D       !        S          !",
        "                S       D        D          !",
        "                S       !        !          D",
    ]

    static func mark(_ decision: ReservationDecision) -> Character {
        switch decision.outcome {
        case .applied:
            switch (decision.state, decision.effects) {
            case (.held(lines), [.stock(StockMove(.hold, lines)), .reserved]): "H"
            case (.released, [.stock(StockMove(.giveBack, lines)), .released]): "L"
            case (.sold, [.stock(StockMove(.sell, lines))]): "O"
            default: "?"
            }
        case .tombstone: decision.state == .released && decision.effects == [.released] ? "T" : "?"
        case .duplicate: "D"
        case .stale: "S"
        case .refused: "R"
        case .alarm: "!"
        }
    }

    @Test(arguments: zip(states, table))
    func `each message has the answer the table gives`(state: Reservation, row: String) {
        let marks = row.filter { $0 != " " }
        #expect(marks.count == Self.messages.count)
        for (message, expected) in zip(Self.messages, marks) {
            let decision = ReservationDecider.decide(state, message, stock: Self.stock)
            #expect(Self.mark(decision) == expected, "\(message)")
            #expect(decision.changes == (decision.state != state), "\(message)")
            if !decision.changes { #expect(decision.effects.isEmpty, "\(message)") }
        }
    }

    @Test func `the table has a row for each status`() {
        #expect(Self.states.map(\.status) == ReservationStatus.allCases)
        #expect(Self.table.count == Self.states.count)
    }
}
