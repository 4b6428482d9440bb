import Contracts
import InventoryDomain
import Kernel
import Messaging

extension StoredReservation {
    /// The event that tells the others of `effect`; nil for what stays in this service.
    ///
    /// `StockReserved` carries the total and the token on from the order, so that payments hears one topic only and
    /// can never be asked for money it doesn't know the amount of.
    func event(
        for effect: ReservationEffect, cause: Incoming<IncomingEvent>, at time: Timestamp
    ) throws -> OutgoingEvent? {
        switch (effect, cause.message) {
        case (.reserved, .created(let order)):
            try OutgoingEvent(
                StockReserved(orderId: orderID, total: order.total, paymentToken: order.paymentToken),
                version: version, cause: cause.event, at: time)
        // The decider reserves for a new order and for nothing else.
        case (.reserved, .declined), (.reserved, .cancelling), (.reserved, .confirmed): nil
        case (.rejected(let skus), _):
            try OutgoingEvent(
                StockRejected(orderId: orderID, skus: skus), version: version, cause: cause.event, at: time)
        case (.released, _):
            try OutgoingEvent(
                StockReleased(orderId: orderID), version: version, cause: cause.event, at: time)
        case (.stock, _): nil
        }
    }
}

extension StoredProduct {
    /// The latest word on the product, for `inventory.stock`.
    func event(at time: Timestamp) throws -> OutgoingEvent {
        try OutgoingEvent(
            ProductStock(sku: sku, name: name, price: price, available: level.available, version: version),
            version: version, cause: nil, at: time)
    }
}
