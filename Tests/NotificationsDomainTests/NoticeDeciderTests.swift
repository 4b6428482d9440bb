import Kernel
import NotificationsDomain
import TestSupport
import Testing

@Suite("Notice decisions")
struct NoticeDeciderTests {
    static let total = Money(amount: 4998, currency: .eur)
    static let order = Identifier(high: 0x0189_0a5d_ac96_774b, low: 0xbcce_b302_099a_8057)
    static let messages: [NoticeMessage] = [
        .created(total: total), .confirmed(total: total), .cancelled(reason: .deadline),
    ]

    /// W written, D duplicate, ! alarm; the columns are created, confirmed, cancelled.
    static let table: [(Set<NoticeKind>, String)] = [
        ([], "                                 WWW"),
        ([.received], "                        DWW"),
        ([.confirmed], "                       WD!"),
        ([.cancelled], "                       W!D"),
        ([.received, .confirmed], "            DD!"),
        ([.received, .cancelled], "            D!D"),
        ([.confirmed, .cancelled], "           WDD"),
        ([.received, .confirmed, .cancelled], "DDD"),
    ]

    @Test(arguments: table)
    func `each message has the answer the table gives`(told: Set<NoticeKind>, row: String) {
        for (message, expected) in zip(Self.messages, row.filter { $0 != " " }) {
            let decision = NoticeDecider.decide(told, message, order: Self.order)
            switch decision.outcome {
            case .applied:
                #expect(expected == "W", "\(message)")
                #expect(decision.state == told.union([message.kind]))
                #expect(decision.effects.map(\.kind) == [message.kind])
            case .duplicate, .alarm:
                #expect(expected == (decision.outcome == .duplicate ? "D" : "!"), "\(message)")
                #expect(decision.state == told)
                #expect(decision.effects.isEmpty)
            case .tombstone, .stale, .refused: Issue.record("\(message)")
            }
        }
    }

    @Test(arguments: 0..<100 as Range<UInt64>)
    func `whatever comes, nobody is told twice or told both`(seed: UInt64) throws {
        var random = SeededGenerator(seed: seed)
        var told: Set<NoticeKind> = []
        var written: [NoticeKind] = []
        for _ in 0..<20 {
            let message = try #require(Self.messages.randomElement(using: &random))
            let decision = NoticeDecider.decide(told, message, order: Self.order)
            told = decision.state
            written += decision.effects.map(\.kind)
        }
        #expect(Set(written).count == written.count)
        #expect(Set(written) == told)
        #expect(!(told.contains(.confirmed) && told.contains(.cancelled)))
    }
}

@Suite("Notice texts")
struct NoticeTextTests {
    let order = NoticeDeciderTests.order

    @Test func `a notice names the order, the amount and what happens next`() {
        #expect(
            NoticeText.write(.created(total: NoticeDeciderTests.total), order: order)
                == "We have your order 8057 for 49.98 EUR and will tell you when it is confirmed.")
        #expect(
            NoticeText.write(.confirmed(total: NoticeDeciderTests.total), order: order)
                == "Your order 8057 is confirmed. 49.98 EUR is paid and the goods are on their way.")
    }

    @Test(arguments: [NoticeKind.confirmed, .cancelled])
    func `who has heard of the end is not promised it`(told: NoticeKind) {
        let decision = NoticeDecider.decide([told], .created(total: NoticeDeciderTests.total), order: order)
        #expect(
            decision.effects.map(\.text) == [
                "We had your order 8057 for 49.98 EUR. You have heard already what became of it."
            ])
    }

    @Test(arguments: [
        (NoticeReason.outOfStock, "something in it is out of stock"),
        (.paymentDeclined, "your payment was declined"),
        (.customer, "as you asked"),
        (.deadline, "it could not be confirmed in time"),
    ])
    func `a cancellation says why in a person's words`(reason: NoticeReason, words: String) {
        let text = NoticeText.write(.cancelled(reason: reason), order: order)
        #expect(text == "Your order 8057 is cancelled: \(words). No money was taken, or you have it back.")
    }
}
