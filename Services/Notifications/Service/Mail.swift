import Kernel
import NotificationsDomain

/// A message as a mail.
struct Mail: Hashable, Sendable {
    let from: String
    let to: String
    let subject: String
    let text: String
    /// The same whenever the same message is sent again, so that a mailbox can tell a repetition from a second message.
    let messageID: String
    let date: Timestamp

    init(_ message: PendingMail, from sender: String) {
        from = sender
        to = message.address
        subject = Mail.subject(of: message.kind)
        text = message.text
        let host = sender.split(separator: "@").last ?? "localhost"
        messageID = "<\(message.orderID).\(message.kind.rawValue)@\(host)>"
        date = message.createdAt
    }

    private static func subject(of kind: NoticeKind) -> String {
        switch kind {
        case .received: "We have your order"
        case .confirmed: "Your order is confirmed"
        case .cancelled: "Your order is cancelled"
        }
    }
}
