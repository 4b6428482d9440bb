package import Kernel

/// Accepted and priced; stock and money are not promised yet.
package struct OrderCreated: OrderEvent {
    package static let topic = Topic.ordersCreated

    package struct Line: Codable, Sendable, Equatable {
        package let sku: String
        package let quantity: Int64
        package let unitPrice: Money

        package init(sku: String, quantity: Int64, unitPrice: Money) {
            self.sku = sku
            self.quantity = quantity
            self.unitPrice = unitPrice
        }
    }

    package let orderId: Identifier
    package let customerId: String
    package let email: String?
    package let lines: [Line]
    package let total: Money
    /// A gateway's token; never a card number, which the edge refuses.
    package let paymentToken: String

    package init(
        orderId: Identifier, customerId: String, email: String?, lines: [Line], total: Money,
        paymentToken: String
    ) {
        self.orderId = orderId
        self.customerId = customerId
        self.email = email
        self.lines = lines
        self.total = total
        self.paymentToken = paymentToken
    }

    package func validate() throws(ContractError) {
        try EventRule.requireCustomer(customerId, email: email)
        try EventRule.requireLines(count: lines.count)
        for (index, line) in lines.enumerated() {
            try EventRule.requireLine(index, sku: line.sku, quantity: line.quantity)
            try EventRule.requirePositive(line.unitPrice, "lines.\(index).unitPrice")
        }
        try EventRule.requirePositive(total, "total")
        try EventRule.requireText(paymentToken, "paymentToken")
    }
}

/// Final: the customer gets the goods.
package struct OrderConfirmed: OrderEvent {
    package static let topic = Topic.ordersConfirmed

    package let orderId: Identifier
    package let customerId: String
    package let email: String?
    package let total: Money

    package init(orderId: Identifier, customerId: String, email: String?, total: Money) {
        self.orderId = orderId
        self.customerId = customerId
        self.email = email
        self.total = total
    }

    package func validate() throws(ContractError) {
        try EventRule.requireCustomer(customerId, email: email)
        try EventRule.requirePositive(total, "total")
    }
}

/// Why an order was not fulfilled.
package enum CancellationReason: String, Codable, Sendable, CaseIterable {
    case outOfStock = "out_of_stock"
    case paymentDeclined = "payment_declined"
    case customer
    case deadline
}

/// Will not be fulfilled; inventory and payments give back what they hold and answer.
package struct OrderCancelling: OrderEvent {
    package static let topic = Topic.ordersCancelling

    package let orderId: Identifier
    /// `customer` or `deadline`.
    package let reason: CancellationReason

    package init(orderId: Identifier, reason: CancellationReason) {
        self.orderId = orderId
        self.reason = reason
    }
}

/// Final: everything is given back.
package struct OrderCancelled: OrderEvent {
    package static let topic = Topic.ordersCancelled

    package let orderId: Identifier
    package let customerId: String
    package let email: String?
    package let reason: CancellationReason

    package init(orderId: Identifier, customerId: String, email: String?, reason: CancellationReason) {
        self.orderId = orderId
        self.customerId = customerId
        self.email = email
        self.reason = reason
    }

    package func validate() throws(ContractError) {
        try EventRule.requireCustomer(customerId, email: email)
    }
}
