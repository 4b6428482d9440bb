package import Kernel

/// What a customer can be told about an order, each once.
package enum NoticeKind: String, Hashable, Sendable, CaseIterable {
    case received = "order_received"
    case confirmed = "order_confirmed"
    case cancelled = "order_cancelled"
}

/// Why an order is not fulfilled, as notifications understands it.
package enum NoticeReason: String, Hashable, Sendable, CaseIterable {
    case outOfStock = "out_of_stock"
    case paymentDeclined = "payment_declined"
    case customer
    case deadline
}

/// What notifications hears about an order.
package enum NoticeMessage: Hashable, Sendable {
    case created(total: Money)
    case confirmed(total: Money)
    case cancelled(reason: NoticeReason)

    package var kind: NoticeKind {
        switch self {
        case .created: .received
        case .confirmed: .confirmed
        case .cancelled: .cancelled
        }
    }
}

/// A notice to write down and send.
package struct Notice: Hashable, Sendable {
    package let kind: NoticeKind
    package let text: String

    package init(kind: NoticeKind, text: String) {
        self.kind = kind
        self.text = text
    }
}

package typealias NoticeDecision = Decision<Set<NoticeKind>, Notice>

/// Who is told what: each kind once, in whichever order the causes are heard.
package enum NoticeDecider {
    /// Total: every message has an answer in every state, and no answer is an error.
    ///
    /// `told` are the kinds that are written down for the order already; `order` names it in the text.
    package static func decide(
        _ told: Set<NoticeKind>, _ message: NoticeMessage, order: Identifier
    ) -> NoticeDecision {
        guard !told.contains(message.kind) else { return NoticeDecision(.duplicate, told) }
        // A customer who was promised the goods must not be told otherwise by a machine.
        switch message {
        case .confirmed where told.contains(.cancelled), .cancelled where told.contains(.confirmed):
            return NoticeDecision(.alarm("an order that is both confirmed and cancelled"), told)
        case .created, .confirmed, .cancelled:
            let text = NoticeText.write(message, order: order, after: told)
            let notice = Notice(kind: message.kind, text: text)
            return NoticeDecision(.applied, told.union([message.kind]), effects: [notice])
        }
    }
}
