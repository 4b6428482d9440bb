package import Kernel

/// What became of an order's money.
package enum Payment: Hashable, Sendable {
    /// Nothing is known of the order: there is no row.
    case none
    /// The intent to capture is on record; the gateway may or may not know of it.
    case requested(Charge)
    case captured(Charge)
    /// Final: the gateway said no.
    case declined(Charge)
    /// Cancelled while the gateway's answer is out. It will come: a time-out is answered by asking again.
    case voiding(Charge)
    /// Final: no money was taken, and none will be. Without a charge if the cancellation came first: a
    /// tombstone.
    case voided(Charge?)
    case refunding(Charge)
    /// Final: the money went back.
    case refunded(Charge)

    /// From what was stored; nil if the status needs a charge and there is none, or the other way round.
    package init?(status: PaymentStatus, charge: Charge?) {
        switch (status, charge) {
        case (.none, nil): self = .none
        case (.voided, let charge): self = .voided(charge)
        case (.requested, let charge?): self = .requested(charge)
        case (.captured, let charge?): self = .captured(charge)
        case (.declined, let charge?): self = .declined(charge)
        case (.voiding, let charge?): self = .voiding(charge)
        case (.refunding, let charge?): self = .refunding(charge)
        case (.refunded, let charge?): self = .refunded(charge)
        case (.none, .some), (.requested, nil), (.captured, nil), (.declined, nil), (.voiding, nil),
            (.refunding, nil), (.refunded, nil):
            return nil
        }
    }

    package var status: PaymentStatus {
        switch self {
        case .none: .none
        case .requested: .requested
        case .captured: .captured
        case .declined: .declined
        case .voiding: .voiding
        case .voided: .voided
        case .refunding: .refunding
        case .refunded: .refunded
        }
    }

    package var charge: Charge? {
        switch self {
        case .none: nil
        case .requested(let charge), .captured(let charge), .declined(let charge), .voiding(let charge),
            .refunding(let charge), .refunded(let charge):
            charge
        case .voided(let charge): charge
        }
    }

    /// The gateway call whose answer is out, to be made again until there is one; nil while none is.
    ///
    /// In production the rows of `gateway_call` say so; the simulation has no such table.
    package var pendingCall: GatewayCall? {
        switch self {
        case .requested(let charge), .voiding(let charge): .capture(charge)
        case .refunding(let charge): .refund(charge)
        case .none, .captured, .declined, .voided, .refunded: nil
        }
    }
}

/// A `Payment` without its charge; the words stored.
package enum PaymentStatus: String, Hashable, Sendable, CaseIterable {
    case none
    case requested
    case captured
    case declined
    case voiding
    case voided
    case refunding
    case refunded

    /// What clients see: five words, since what is under way for payments is pending or not yet undone for
    /// them.
    package var publicName: String {
        switch self {
        case .none, .requested, .voiding: "pending"
        case .captured, .refunding: "captured"
        case .declined: "declined"
        case .voided: "voided"
        case .refunded: "refunded"
        }
    }
}

/// How much is to be taken, and from whom: a gateway's token, which is no card number but still no matter for
/// logs.
package struct Charge: Hashable, Sendable {
    package let amount: Money
    package let token: String

    package init(amount: Money, token: String) {
        self.amount = amount
        self.token = token
    }
}

/// A call that the gateway answers once per order and kind, however often it is made: the key is the order's
/// id.
package enum GatewayCall: Hashable, Sendable {
    case capture(Charge)
    case refund(Charge)
}
