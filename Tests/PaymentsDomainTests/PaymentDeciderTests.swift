import Kernel
import PaymentsDomain
import TestSupport
import Testing

@Suite("Payment decisions")
struct PaymentDeciderTests {
    let charge = PaymentTableTests.charge
    let order = Identifier(high: 1, low: 2)

    @Test func `the same order with another charge is an alarm`() {
        let other = Charge(amount: Money(amount: 1, currency: .eur), token: charge.token)
        for state in PaymentTableTests.states where state.charge != nil {
            #expect(PaymentDecider.decide(state, .reserved(other)).outcome.label == "alarm")
        }
    }

    @Test func `a call is pending exactly while the gateway's answer is out`() {
        #expect(Payment.requested(charge).pendingCall == .capture(charge))
        #expect(Payment.voiding(charge).pendingCall == .capture(charge))
        #expect(Payment.refunding(charge).pendingCall == .refund(charge))
        for state in [Payment.none, .captured(charge), .declined(charge), .voided(nil), .refunded(charge)] {
            #expect(state.pendingCall == nil)
        }
    }

    @Test func `clients see five words`() {
        #expect(
            Set(PaymentStatus.allCases.map(\.publicName))
                == ["pending", "captured", "declined", "voided", "refunded"])
    }

    @Test(arguments: 0..<300 as Range<UInt64>)
    func `whatever comes, the ledger tells the same money as the state`(seed: UInt64) throws {
        var random = SeededGenerator(seed: seed)
        var state = Payment.none
        var ledger: [LedgerEntry] = []
        for _ in 0..<12 {
            let message = try #require(PaymentTableTests.messages.randomElement(using: &random))
            let decision = PaymentDecider.decide(state, message)
            state = decision.state
            for case .post(let posting) in decision.effects { ledger += posting.entries(for: order) }
            let balance = try Ledger.replay(ledger)[order] ?? LedgerBalance()
            switch state {
            case .none, .requested, .declined, .voiding, .voided: #expect(balance == LedgerBalance())
            case .captured, .refunding: #expect(balance.kept == 4998 && balance.refunded == nil)
            case .refunded: #expect(balance.kept == 0 && balance.refunded == charge.amount)
            }
            #expect(ledger.map(\.amount.amount).reduce(0, +) == 0)
        }
    }
}

@Suite("Ledger")
struct LedgerTests {
    let one = Identifier(high: 1, low: 1)
    let two = Identifier(high: 2, low: 2)
    let amount = Money(amount: 100, currency: .eur)

    func failure(_ entries: [LedgerEntry]) -> LedgerError? {
        do {
            _ = try Ledger.replay(entries)
            return nil
        } catch {
            return error
        }
    }

    @Test func `each order has its own balance`() throws {
        let entries =
            Posting.capture(amount).entries(for: one) + Posting.capture(amount).entries(for: two)
            + Posting.refund(amount).entries(for: one)
        let balances = try Ledger.replay(entries)
        #expect(balances[one]?.kept == 0)
        #expect(balances[two]?.kept == 100)
    }

    @Test func `a posting whose entries don't cancel out is found`() {
        let capture = Posting.capture(amount).entries(for: one)
        #expect(failure([capture[0]]) == .unbalanced(one))
        #expect(failure([capture[0], capture[0]]) == .unbalanced(one))
        #expect(failure([capture[0], Posting.capture(amount).entries(for: two)[1]]) == .unbalanced(one))
        #expect(failure([capture[0], Posting.refund(amount).entries(for: one)[1]]) == .unbalanced(one))
    }

    @Test func `money moves once in each direction, and only the same amount back`() {
        let capture = Posting.capture(amount).entries(for: one)
        let refund = Posting.refund(amount).entries(for: one)
        let less = Posting.refund(Money(amount: 99, currency: .eur)).entries(for: one)
        #expect(failure(capture + capture) == .postedTwice(one, .capture))
        #expect(failure(refund) == .refundWithoutCapture(one))
        #expect(failure(capture + refund + refund) == .postedTwice(one, .refund))
        #expect(failure(capture + less) == .refundOfAnotherAmount(one))
        #expect(
            failure(Posting.capture(Money(amount: -1, currency: .eur)).entries(for: one)) == .notPositive(one)
        )
    }
}
