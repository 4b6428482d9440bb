import Kernel
import SalesDomain
import TestSupport
import Testing

@Suite("Sale decisions")
struct SaleDeciderTests {
    static let lines = [SaleLine(sku: "tea", quantity: 2), SaleLine(sku: "mug", quantity: 1)]
    static let time = Timestamp(unixMilliseconds: 1_763_726_475_000)
    static let messages: [SaleMessage] = [.created(lines), .confirmed(at: time), .cancelled]

    /// A applied, C counted, T tombstone, D duplicate, S stale, ! alarm; the columns are created, confirmed, cancelled.
    static let table: [(Sale, String)] = [
        (.none, "           AAT"),
        (.placed(lines), "  DCA"),
        (.confirmed(time), "CD!"),
        (.counted(time), "  DD!"),
        (.cancelled, "      S!D"),
    ]

    @Test(arguments: table)
    func `each message has the answer the table gives`(state: Sale, row: String) {
        for (message, expected) in zip(Self.messages, row.filter { $0 != " " }) {
            let decision = SaleDecider.decide(state, message)
            let answer: Character =
                switch decision.outcome {
                case .applied: decision.effects.isEmpty ? "A" : "C"
                case .tombstone: "T"
                case .duplicate: "D"
                case .stale: "S"
                case .alarm: "!"
                case .refused: "?"
                }
            #expect(answer == expected, "\(message)")
            #expect(decision.changes == (decision.state != state))
            #expect(decision.effects == (answer == "C" ? [SoldLines(Self.lines, at: Self.time)] : []))
        }
    }

    @Test func `the table has every state`() {
        #expect(Self.table.map(\.0.status) == SaleStatus.allCases)
    }

    @Test(arguments: 0..<200 as Range<UInt64>)
    func `in whatever order and however often both sides come, the lines are counted once`(seed: UInt64) {
        var random = SeededGenerator(seed: seed)
        let end: SaleMessage = seed.isMultiple(of: 3) ? .cancelled : .confirmed(at: Self.time)
        var heard = (0..<5).flatMap { _ in [SaleMessage.created(Self.lines), end] }
        heard.shuffle(using: &random)
        var state = Sale.none
        var sold: [SoldLines] = []
        for message in heard {
            let decision = SaleDecider.decide(state, message)
            if case .alarm(let words) = decision.outcome { Issue.record("\(words)") }
            state = decision.state
            sold += decision.effects
        }
        #expect(state == (end == .cancelled ? .cancelled : .counted(Self.time)))
        #expect(sold == (end == .cancelled ? [] : [SoldLines(Self.lines, at: Self.time)]))
    }
}
