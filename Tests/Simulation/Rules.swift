package import InventoryDomain
package import Kernel
package import NotificationsDomain
package import OrdersDomain
package import PaymentsDomain

/// What a simulated shop decides by: the deciders that ship, and the guards around them.
///
/// A mutant has one of them broken, and the simulation has to notice.
package struct Rules: Sendable {
    package var order: @Sendable (OrderState, OrderMessage) -> OrderDecision = {
        OrderDecider.decide($0, $1)
    }
    package var reservation: @Sendable (Reservation, ReservationMessage, StockBook) -> ReservationDecision = {
        ReservationDecider.decide($0, $1, stock: $2)
    }
    package var payment: @Sendable (Payment, PaymentMessage) -> PaymentDecision = {
        PaymentDecider.decide($0, $1)
    }
    package var notice: @Sendable (Set<NoticeKind>, NoticeMessage, Identifier) -> NoticeDecision = {
        NoticeDecider.decide($0, $1, order: $2)
    }
    /// A repeated request with a known idempotency key makes no second order.
    package var edgeHeedsKeys = true
    /// The gateway answers a repeated call as it did the first, and moves no money again.
    package var gatewayHeedsKeys = true
    /// Each decision of a batch sees the stock that the ones before it left.
    package var batchSharesItsBook = true
    /// The relay's cursor is stored after the records are acknowledged.
    package var cursorWaitsForKafka = true

    package init() {}
}
