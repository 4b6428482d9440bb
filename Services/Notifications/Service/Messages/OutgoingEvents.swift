import Contracts
import Kernel
import Messaging
import NotificationsDomain

extension NewMessage {
    /// The event that tells the others of it, once the customer was told.
    func event(cause: CloudEvent, at time: Timestamp) throws -> OutgoingEvent {
        try OutgoingEvent(
            NotificationSent(orderId: orderID, customerId: customerID, kind: NotificationKind(notice.kind)),
            version: version, cause: cause, at: time)
    }
}

extension PendingMail {
    /// The event that tells the others that the mail is out.
    func event(at time: Timestamp) throws -> OutgoingEvent {
        try OutgoingEvent(
            NotificationSent(orderId: orderID, customerId: customerID, kind: NotificationKind(kind)),
            version: version,
            cause: nil, at: time)
    }
}

extension NotificationKind {
    init(_ kind: NoticeKind) {
        switch kind {
        case .received: self = .orderReceived
        case .confirmed: self = .orderConfirmed
        case .cancelled: self = .orderCancelled
        }
    }
}
