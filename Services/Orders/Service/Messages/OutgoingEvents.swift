import Contracts
import Kernel
import Messaging
import OrdersDomain

extension StoredOrder {
    /// The event that tells the others of `effect`.
    func event(
        for effect: OrderEffect, cause: CloudEvent?, at time: Timestamp
    ) throws -> OutgoingEvent {
        switch effect {
        case .confirmed:
            try OutgoingEvent(
                OrderConfirmed(orderId: id, customerId: customerID, email: email, total: total),
                version: version,
                cause: cause, at: time)
        case .cancelling(let reason):
            try OutgoingEvent(
                OrderCancelling(orderId: id, reason: CancellationReason(reason)), version: version,
                cause: cause,
                at: time)
        case .cancelled(let reason):
            try OutgoingEvent(
                OrderCancelled(
                    orderId: id, customerId: customerID, email: email, reason: CancellationReason(reason)),
                version: version, cause: cause, at: time)
        }
    }
}

extension CancellationReason {
    init(_ reason: CancelReason) {
        switch reason {
        case .outOfStock: self = .outOfStock
        case .paymentDeclined: self = .paymentDeclined
        case .customer: self = .customer
        case .deadline: self = .deadline
        }
    }
}
