package import Kernel

/// What payments hears about an order, from the others and from the gateway.
package enum PaymentMessage: Hashable, Sendable {
    /// The stock is held: take the money.
    case reserved(Charge)
    case cancelling
    case gatewayCaptured
    case gatewayDeclined(reason: String)
    case gatewayRefunded
}

/// What is to be done, and what others must hear.
package enum PaymentEffect: Hashable, Sendable {
    /// After the commit, and again until it is answered: a time-out says nothing about the money.
    case callGateway(GatewayCall)
    /// To the ledger, in the same transaction.
    case post(Posting)
    case captured(Money)
    case declined(reason: String)
    case voided
    case refunded(Money)
}

package typealias PaymentDecision = Decision<Payment, PaymentEffect>

/// Whether money moves.
///
///     none ── reserved ──> requested ── gateway: yes ──> captured ── cancelling ──> refunding ──> refunded
///       │                   │     └──── gateway: no ───> declined                       ^
///       │                   └─ cancelling ──> voiding ── gateway: yes ──────────────────┘
///       │                                       └─────── gateway: no ──> voided
///       └── cancelling ──> voided, before there was anything to pay: a tombstone
package enum PaymentDecider {
    /// Total: every message has an answer in every state, and no answer is an error.
    package static func decide(_ state: Payment, _ message: PaymentMessage) -> PaymentDecision {
        switch message {
        case .reserved(let charge): reserved(state, charge)
        case .cancelling: cancelling(state)
        case .gatewayCaptured: gatewayCaptured(state)
        case .gatewayDeclined(let reason): gatewayDeclined(state, reason)
        case .gatewayRefunded: gatewayRefunded(state)
        }
    }

    private static func reserved(_ state: Payment, _ charge: Charge) -> PaymentDecision {
        switch state {
        case .none:
            PaymentDecision(.applied, .requested(charge), effects: [.callGateway(.capture(charge))])
        // Refused by the tombstone: the order was cancelled before its stock was held.
        case .voided(nil): PaymentDecision(.stale, state)
        case .requested(let known), .captured(let known), .declined(let known), .voiding(let known),
            .voided(let known?), .refunding(let known), .refunded(let known):
            known == charge
                ? PaymentDecision(.duplicate, state) : contradiction(state, "reserved with another charge")
        }
    }

    private static func cancelling(_ state: Payment) -> PaymentDecision {
        switch state {
        case .none: PaymentDecision(.tombstone, .voided(nil), effects: [.voided])
        case .requested(let charge): PaymentDecision(.applied, .voiding(charge))
        case .captured(let charge):
            PaymentDecision(.applied, .refunding(charge), effects: [.callGateway(.refund(charge))])
        // Orders counts the decline as its answer.
        case .declined: PaymentDecision(.stale, state)
        case .voiding, .voided, .refunding, .refunded: PaymentDecision(.duplicate, state)
        }
    }

    private static func gatewayCaptured(_ state: Payment) -> PaymentDecision {
        switch state {
        case .requested(let charge):
            PaymentDecision(
                .applied, .captured(charge),
                effects: [.post(.capture(charge.amount)), .captured(charge.amount)])
        // Too late to be of use. Nobody hears of the capture, only of the refund.
        case .voiding(let charge):
            PaymentDecision(
                .applied, .refunding(charge),
                effects: [.post(.capture(charge.amount)), .callGateway(.refund(charge))])
        case .captured, .refunding: PaymentDecision(.duplicate, state)
        case .refunded: PaymentDecision(.stale, state)
        case .none, .declined, .voided: contradiction(state, "captured by the gateway")
        }
    }

    private static func gatewayDeclined(_ state: Payment, _ reason: String) -> PaymentDecision {
        switch state {
        case .requested(let charge):
            PaymentDecision(.applied, .declined(charge), effects: [.declined(reason: reason)])
        case .voiding(let charge): PaymentDecision(.applied, .voided(charge), effects: [.voided])
        case .declined, .voided(.some): PaymentDecision(.duplicate, state)
        case .none, .captured, .voided(nil), .refunding, .refunded:
            contradiction(state, "declined by the gateway")
        }
    }

    private static func gatewayRefunded(_ state: Payment) -> PaymentDecision {
        switch state {
        case .refunding(let charge):
            PaymentDecision(
                .applied, .refunded(charge),
                effects: [.post(.refund(charge.amount)), .refunded(charge.amount)])
        case .refunded: PaymentDecision(.duplicate, state)
        case .none, .requested, .captured, .declined, .voiding, .voided:
            contradiction(state, "refunded by the gateway")
        }
    }

    private static func contradiction(_ state: Payment, _ message: String) -> PaymentDecision {
        PaymentDecision(.alarm("\(message), which contradicts a payment that is \(state.status)"), state)
    }
}
