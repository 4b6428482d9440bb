package import Kernel

/// What a notice says.
package enum NoticeText {
    /// - Parameter told: what its customer has heard of the order already. Topics keep no order between them, so that may
    ///   be its end, after which nothing is to be promised.
    package static func write(
        _ message: NoticeMessage, order: Identifier, after told: Set<NoticeKind> = []
    ) -> String {
        switch message {
        case .created(let total) where !told.isEmpty:
            "We had your order \(order.short) for \(total.text). You have heard already what became of it."
        case .created(let total):
            "We have your order \(order.short) for \(total.text) and will tell you when it is confirmed."
        case .confirmed(let total):
            "Your order \(order.short) is confirmed. \(total.text) is paid and the goods are on their way."
        case .cancelled(let reason):
            "Your order \(order.short) is cancelled: \(why(reason)). No money was taken, or you have it back."
        }
    }

    private static func why(_ reason: NoticeReason) -> String {
        switch reason {
        case .outOfStock: "something in it is out of stock"
        case .paymentDeclined: "your payment was declined"
        case .customer: "as you asked"
        case .deadline: "it could not be confirmed in time"
        }
    }
}
