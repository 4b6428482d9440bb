import Kernel
import PaymentsDomain
import Testing

/// The decider as a table: a row for each state, a column for each message.
///
///     Q  requested, calls the gateway   C  captured   N  declined   V  voiding   T  voided, a tombstone
///     W  voided   B  refunding after captured   G  refunding, the capture posted only now   R  refunded
///     D  duplicate   S  stale   !  alarm
@Suite("Payment decisions, every cell")
struct PaymentTableTests {
    static let charge = Charge(amount: Money(amount: 4998, currency: .eur), token: "tok_visa")

    static let states: [Payment] = [
        .none, .requested(charge), .captured(charge), .declined(charge), .voiding(charge), .voided(nil),
        .voided(charge), .refunding(charge), .refunded(charge),
    ]
    static let messages: [PaymentMessage] = [
        .reserved(charge), .cancelling, .gatewayCaptured, .gatewayDeclined(reason: "no"), .gatewayRefunded,
    ]

    //                  reserved cancelling captured declined refunded
    static let table = [
        "               Q        T          !        !        !",  // none
        "               D        V          C        N        !",  // requested
        "               D        B          D        !        !",  // captured
        "               D        S          !        D        !",  // declined
        "               D        D          G        W        !",  // voiding
        "               S        D          !        !        !",  // voided, a tombstone
        "               D        D          !        D        !",  // voided after the request
        "               D        D          D        !        R",  // refunding
        "               D        D          S        !        D",  // refunded
    ]

    static func mark(_ decision: PaymentDecision) -> Character {
        switch decision.outcome {
        case .applied: applied(decision)
        case .tombstone: decision.state == .voided(nil) && decision.effects == [.voided] ? "T" : "?"
        case .duplicate: "D"
        case .stale: "S"
        case .refused: "?"
        case .alarm: "!"
        }
    }

    static func applied(_ decision: PaymentDecision) -> Character {
        let amount = charge.amount
        return switch (decision.state, decision.effects) {
        case (.requested(charge), [.callGateway(.capture(charge))]): "Q"
        case (.captured(charge), [.post(.capture(amount)), .captured(amount)]): "C"
        case (.declined(charge), [.declined(reason: "no")]): "N"
        case (.voiding(charge), []): "V"
        case (.voided(charge), [.voided]): "W"
        case (.refunding(charge), [.callGateway(.refund(charge))]): "B"
        case (.refunding(charge), [.post(.capture(amount)), .callGateway(.refund(charge))]): "G"
        case (.refunded(charge), [.post(.refund(amount)), .refunded(amount)]): "R"
        default: "?"
        }
    }

    @Test(arguments: zip(states, table))
    func `each message has the answer the table gives`(state: Payment, row: String) {
        let marks = row.filter { $0 != " " }
        #expect(marks.count == Self.messages.count)
        for (message, expected) in zip(Self.messages, marks) {
            let decision = PaymentDecider.decide(state, message)
            #expect(Self.mark(decision) == expected, "\(message)")
            #expect(decision.changes == (decision.state != state), "\(message)")
            if !decision.changes { #expect(decision.effects.isEmpty, "\(message)") }
        }
    }

    @Test func `the table has a row for each status`() {
        #expect(Set(Self.states.map(\.status)) == Set(PaymentStatus.allCases))
        #expect(Self.table.count == Self.states.count)
    }

    @Test(arguments: states)
    func `a state survives storage`(state: Payment) {
        #expect(Payment(status: state.status, charge: state.charge) == state)
    }

    @Test func `a status without its charge is no state`() {
        #expect(Payment(status: .none, charge: Self.charge) == nil)
        for status in PaymentStatus.allCases where status != .none && status != .voided {
            #expect(Payment(status: status, charge: nil) == nil)
        }
    }
}
