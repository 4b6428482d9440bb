import Curl
import Kernel
import NotificationsDomain

extension Mail {
    /// A message as a mail.
    ///
    /// Its id is the same whenever the same message is sent again, so that a mailbox can tell a repetition from a
    /// second message.
    init(_ message: PendingMail, from sender: String) {
        let host = sender.split(separator: "@").last ?? "localhost"
        self.init(
            from: sender, to: message.address, subject: Mail.subject(of: message.kind), text: message.text,
            messageID: "\(message.orderID).\(message.kind.rawValue)@\(host)",
            time: message.createdAt)
    }

    private static func subject(of kind: NoticeKind) -> String {
        switch kind {
        case .received: "We have your order"
        case .confirmed: "Your order is confirmed"
        case .cancelled: "Your order is cancelled"
        }
    }
}
