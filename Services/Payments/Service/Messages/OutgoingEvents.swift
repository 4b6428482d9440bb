import Contracts
import Kernel
import Messaging
import PaymentsDomain

extension StoredPayment {
    /// The event that tells the others of `effect`; nil for what stays in this house.
    func event(for effect: PaymentEffect, cause: CloudEvent?, at time: Timestamp) throws -> OutgoingEvent? {
        switch effect {
        case .captured(let amount):
            try OutgoingEvent(
                PaymentCaptured(orderId: orderID, amount: amount), version: version, cause: cause, at: time)
        case .declined(let reason):
            try OutgoingEvent(
                PaymentDeclined(orderId: orderID, reason: reason), version: version, cause: cause, at: time)
        case .voided:
            try OutgoingEvent(PaymentVoided(orderId: orderID), version: version, cause: cause, at: time)
        case .refunded(let amount):
            try OutgoingEvent(
                PaymentRefunded(orderId: orderID, amount: amount), version: version, cause: cause, at: time)
        case .callGateway, .post: nil
        }
    }
}
