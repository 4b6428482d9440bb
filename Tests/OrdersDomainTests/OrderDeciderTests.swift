import Kernel
import OrdersDomain
import TestSupport
import Testing

@Suite("Order decisions")
struct OrderDeciderTests {
    /// The state after the messages, and everything told on the way.
    func play(_ messages: [OrderMessage]) -> (state: OrderState, told: [OrderEffect]) {
        var state = OrderState.placed
        var told: [OrderEffect] = []
        for message in messages {
            let decision = OrderDecider.decide(state, message)
            state = decision.state
            told += decision.effects
        }
        return (state, told)
    }

    @Test func `a captured payment confirms the order`() {
        let (state, told) = play([.paymentCaptured])
        #expect(state.status == .confirmed)
        #expect(state.reason == nil)
        #expect(told == [.confirmed])
    }

    @Test func `an order without stock is cancelled at once`() {
        let (state, told) = play([.stockRejected])
        #expect(state.status == .cancelled)
        #expect(told == [.cancelled(.outOfStock)])
    }

    @Test func `a declined payment cancels the order once the stock is released`() {
        #expect(play([.paymentDeclined]).state.status == .cancelling)
        #expect(play([.paymentDeclined]).state.reason == .paymentDeclined)
        #expect(play([.paymentDeclined]).told.isEmpty)
        #expect(play([.paymentDeclined, .stockReleased]).told == [.cancelled(.paymentDeclined)])
    }

    @Test func `the release may be heard before the declined payment that caused it`() {
        #expect(play([.stockReleased]).state.status == .pending)
        #expect(play([.stockReleased, .paymentDeclined]).told == [.cancelled(.paymentDeclined)])
    }

    @Test func `a cancellation is final only when stock and money are both settled`() {
        let halfway = play([.cancel(by: .customer), .stockReleased])
        #expect(halfway.state.status == .cancelling)
        #expect(halfway.told == [.cancelling(.customer)])
        let done = play([.cancel(by: .customer), .stockReleased, .paymentVoided])
        #expect(done.state.status == .cancelled)
        #expect(done.told == [.cancelling(.customer), .cancelled(.customer)])
    }

    @Test func `a capture during a cancellation waits for the refund`() {
        let captured = play([.cancel(by: .deadline), .stockReleased, .paymentCaptured])
        #expect(captured.state.status == .cancelling)
        #expect(
            play([.cancel(by: .deadline), .stockReleased, .paymentCaptured, .paymentRefunded]).told
                == [.cancelling(.deadline), .cancelled(.deadline)])
    }

    @Test func `a confirmed order can't be cancelled by the customer and is safe from the deadline`() {
        let confirmed = play([.paymentCaptured]).state
        #expect(OrderDecider.decide(confirmed, .cancel(by: .customer)).outcome == .refused)
        #expect(OrderDecider.decide(confirmed, .cancel(by: .deadline)).outcome == .stale)
    }

    @Test func `the first to cancel gives the reason`() {
        #expect(play([.cancel(by: .customer), .cancel(by: .deadline)]).state.reason == .customer)
        #expect(play([.cancel(by: .deadline), .cancel(by: .customer)]).state.reason == .deadline)
        #expect(play([.paymentDeclined, .cancel(by: .customer)]).state.reason == .paymentDeclined)
    }

    @Test func `an alarm says what contradicts what`() {
        let confirmed = play([.paymentCaptured]).state
        #expect(
            OrderDecider.decide(confirmed, .stockRejected).outcome
                == .alarm("stockRejected contradicts stock open, money captured, cancelled by nobody"))
    }

    /// All that the others may say of an order: in any order of arrival.
    static let histories: [[OrderMessage]] = [
        [.paymentDeclined, .stockReleased],
        [.cancel(by: .customer), .stockRejected, .paymentVoided],
        [.cancel(by: .customer), .stockReleased, .paymentVoided],
        [.cancel(by: .customer), .stockReleased, .paymentDeclined],
        [.cancel(by: .deadline), .stockReleased, .paymentRefunded],
        [.cancel(by: .deadline), .stockReleased, .paymentCaptured, .paymentRefunded],
    ]

    @Test(arguments: histories)
    func `the order in which topics arrive makes no difference to the end`(history: [OrderMessage]) {
        let cancels = history.filter { if case .cancel = $0 { true } else { false } }
        let facts = history.filter { !cancels.contains($0) }
        let ends = permutations(facts).map { play(cancels + $0 + $0) }
        for end in ends {
            #expect(end.state == ends.first?.state)
            #expect(end.told == ends.first?.told)
            #expect(end.state.status == .cancelled)
        }
    }

    func permutations(_ messages: [OrderMessage]) -> [[OrderMessage]] {
        guard messages.count > 1 else { return [messages] }
        return messages.indices.flatMap { index -> [[OrderMessage]] in
            var rest = messages
            let first = rest.remove(at: index)
            return permutations(rest).map { [first] + $0 }
        }
    }

    @Test(arguments: histories + [[.paymentCaptured], [.stockRejected]])
    func `hearing a whole history again changes nothing and alarms nobody`(history: [OrderMessage]) {
        let end = play(history).state
        for message in history {
            let decision = OrderDecider.decide(end, message)
            #expect(decision.outcome == .duplicate || decision.outcome == .stale, "\(message)")
            #expect(decision.state == end)
        }
    }

    @Test(arguments: 0..<200 as Range<UInt64>)
    func `whatever comes, a final order stays as it is and is announced once`(seed: UInt64) throws {
        var random = SeededGenerator(seed: seed)
        var state = OrderState.placed
        var told: [OrderEffect] = []
        for _ in 0..<50 {
            let message = try #require(OrderTableTests.messages.randomElement(using: &random))
            let decision = OrderDecider.decide(state, message)
            if state.status == .confirmed || state.status == .cancelled {
                #expect(decision.state.status == state.status)
                #expect(decision.state.reason == state.reason)
                #expect(decision.effects.isEmpty)
            }
            if decision.state.status == .cancelled {
                #expect(decision.state.stock != .open)
                #expect(decision.state.money.isSettled || decision.state.stock == .rejected)
            }
            state = decision.state
            told += decision.effects
        }
        #expect(told.count { if case .cancelling = $0 { false } else { true } } <= 1)
        #expect(Set(told).count == told.count)
    }
}
