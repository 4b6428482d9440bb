import Kernel
import PaymentsDomain

extension Mutant {
    static let payments: [Mutant] = [
        payment("a duplicate request starts over") { state, message in
            guard case (.captured, .reserved(let charge)) = (state, message) else { return nil }
            return PaymentDecision(.applied, .requested(charge))
        },
        payment("a refunded order can be charged again") { state, message in
            guard case (.refunded, .reserved(let charge)) = (state, message) else { return nil }
            return PaymentDecision(.applied, .requested(charge))
        },
        payment("a cancel before the request leaves no tombstone") { state, message in
            guard case (.none, .cancelling) = (state, message) else { return nil }
            return PaymentDecision(.stale, state)
        },
        payment("the voided tombstone answers but is not kept") { state, message in
            guard case (.none, .cancelling) = (state, message) else { return nil }
            return PaymentDecision(.tombstone, .none, effects: [.voided])
        },
        payment("the tombstone does not refuse the late request") { state, message in
            guard case (.voided(nil), .reserved(let charge)) = (state, message) else { return nil }
            return PaymentDecision(.applied, .requested(charge))
        },
        payment("a cancel voids while the gateway's answer is out") { state, message in
            guard case (.requested(let charge), .cancelling) = (state, message) else { return nil }
            return PaymentDecision(.applied, .voided(charge), effects: [.voided])
        },
        payment("a cancel while the gateway's answer is out is ignored") { state, message in
            guard case (.requested, .cancelling) = (state, message) else { return nil }
            return PaymentDecision(.stale, state)
        },
        payment("a cancel after the capture is ignored") { state, message in
            guard case (.captured, .cancelling) = (state, message) else { return nil }
            return PaymentDecision(.stale, state)
        },
        payment("a capture after a cancel counts") { state, message in
            guard case (.voiding(let charge), .gatewayCaptured) = (state, message) else { return nil }
            return PaymentDecision(
                .applied, .captured(charge),
                effects: [.post(.capture(charge.amount)), .captured(charge.amount)])
        },
        payment("a capture after a cancel is kept and called voided") { state, message in
            guard case (.voiding(let charge), .gatewayCaptured) = (state, message) else { return nil }
            return PaymentDecision(.applied, .voided(charge), effects: [.voided])
        },
        payment("a capture after a cancel is not posted") { state, message in
            guard case (.voiding(let charge), .gatewayCaptured) = (state, message) else { return nil }
            return PaymentDecision(.applied, .refunding(charge), effects: [.callGateway(.refund(charge))])
        },
        payment("a repeated answer is posted again") { state, message in
            guard case (.captured(let charge), .gatewayCaptured) = (state, message) else { return nil }
            return PaymentDecision(.applied, state, effects: [.post(.capture(charge.amount))])
        },
        payment("a repeated refund is told again") { state, message in
            guard case (.refunded(let charge), .gatewayRefunded) = (state, message) else { return nil }
            return PaymentDecision(.applied, state, effects: [.refunded(charge.amount)])
        },
        payment("a late answer after the refund is an alarm") { state, message in
            guard case (.refunded, .gatewayCaptured) = (state, message) else { return nil }
            return PaymentDecision(.alarm("late"), state)
        },
        payment("a declined payment is voided too") { state, message in
            guard case (.declined(let charge), .cancelling) = (state, message) else { return nil }
            return PaymentDecision(.applied, .voided(charge), effects: [.voided])
        },
        payment("a decline after a cancel is told as a decline and as voided") { state, message in
            guard case (.voiding(let charge), .gatewayDeclined(let reason)) = (state, message) else {
                return nil
            }
            return PaymentDecision(.applied, .voided(charge), effects: [.declined(reason: reason), .voided])
        },
        payment("a refund is believed before the gateway says so") { state, message in
            guard case (.captured(let charge), .cancelling) = (state, message) else { return nil }
            return PaymentDecision(
                .applied, .refunded(charge),
                effects: [.post(.refund(charge.amount)), .refunded(charge.amount)])
        },
    ]

    /// Replaces what the payment decider says where `other` has an answer.
    private static func payment(
        _ name: String, _ other: @escaping @Sendable (Payment, PaymentMessage) -> PaymentDecision?
    ) -> Mutant {
        Mutant(name) {
            $0.payment = { state, message in other(state, message) ?? PaymentDecider.decide(state, message) }
        }
    }
}
