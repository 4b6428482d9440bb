package import Kernel

/// The money is taken.
package struct PaymentCaptured: OrderEvent {
    package static let topic = Topic.paymentsCaptured

    package let orderId: Identifier
    package let amount: Money

    package init(orderId: Identifier, amount: Money) {
        self.orderId = orderId
        self.amount = amount
    }

    package func validate() throws(ContractError) {
        try EventRule.requirePositive(amount, "amount")
    }
}

/// The gateway said no; no money moved.
package struct PaymentDeclined: OrderEvent {
    package static let topic = Topic.paymentsDeclined

    package let orderId: Identifier
    /// The gateway's code, such as `insufficient_funds`; of any length, since another company chooses it.
    package let reason: String

    package init(orderId: Identifier, reason: String) {
        self.orderId = orderId
        self.reason = reason
    }
}

/// No money was taken, and none will be.
package struct PaymentVoided: OrderEvent {
    package static let topic = Topic.paymentsVoided

    package let orderId: Identifier

    package init(orderId: Identifier) { self.orderId = orderId }
}

/// The money went back.
package struct PaymentRefunded: OrderEvent {
    package static let topic = Topic.paymentsRefunded

    package let orderId: Identifier
    package let amount: Money

    package init(orderId: Identifier, amount: Money) {
        self.orderId = orderId
        self.amount = amount
    }

    package func validate() throws(ContractError) {
        try EventRule.requirePositive(amount, "amount")
    }
}
