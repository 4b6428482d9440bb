package import Kernel

/// What a customer can be told about an order, each once.
package enum NotificationKind: String, Codable, Sendable, CaseIterable {
    case orderReceived = "order_received"
    case orderConfirmed = "order_confirmed"
    case orderCancelled = "order_cancelled"
}

/// A customer was told.
package struct NotificationSent: OrderEvent {
    package static let topic = Topic.notificationsSent

    package let orderId: Identifier
    package let customerId: String
    package let kind: NotificationKind

    package init(orderId: Identifier, customerId: String, kind: NotificationKind) {
        self.orderId = orderId
        self.customerId = customerId
        self.kind = kind
    }

    package func validate() throws(ContractError) {
        try EventRule.requireCustomer(customerId, email: nil)
    }
}
