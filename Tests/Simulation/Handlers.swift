import InventoryDomain
import Kernel
import NotificationsDomain
import OrdersDomain
import PaymentsDomain

/// What the services do with a batch of records, each as one transaction.
extension World {
    mutating func handle(_ records: ArraySlice<Record>, at service: Service, _ rules: Rules) {
        switch service {
        case .orders: for record in records { hearInOrders(record, rules) }
        case .inventory: hearInInventory(records, rules)
        case .payments: for record in records { hearInPayments(record, rules) }
        case .notifications: for record in records { hearInNotifications(record, rules) }
        }
    }

    // Orders

    private mutating func hearInOrders(_ record: Record, _ rules: Rules) {
        switch record.channel {
        case .rejected: decideOrder(record.order, .stockRejected, rules)
        case .released: decideOrder(record.order, .stockReleased, rules)
        case .captured: decideOrder(record.order, .paymentCaptured, rules)
        case .declined: decideOrder(record.order, .paymentDeclined, rules)
        case .voided: decideOrder(record.order, .paymentVoided, rules)
        case .refunded: decideOrder(record.order, .paymentRefunded, rules)
        case .created, .confirmed, .cancelling, .cancelled, .reserved: misrouted(record)
        }
    }

    mutating func decideOrder(_ order: Int, _ message: OrderMessage, _ rules: Rules) {
        let old = orders[order]
        let decision = rules.order(old, message)
        heed(decision.outcome, order)
        let isFinal = old.status == .confirmed || old.status == .cancelled
        check(
            !isFinal || (decision.state.status == old.status && decision.state.reason == old.reason),
            "S2 order \(order) was \(old.status) and is \(decision.state.status) after \(message)")
        orders[order] = decision.state
        for effect in decision.effects {
            switch effect {
            case .confirmed: emit(.orders, .confirmed, order)
            case .cancelling(let reason): emit(.orders, .cancelling, order, reason)
            case .cancelled(let reason): emit(.orders, .cancelled, order, reason)
            }
        }
    }

    // Inventory

    private mutating func hearInInventory(_ records: ArraySlice<Record>, _ rules: Rules) {
        let levels = Dictionary(uniqueKeysWithValues: zip(Self.skus, stock))
        let before = StockBook(levels)
        var book = before
        for record in records {
            let message: ReservationMessage
            switch record.channel {
            case .created: message = .created(placed[record.order].lines)
            case .declined: message = .declined
            case .cancelling: message = .cancelling
            case .confirmed: message = .confirmed
            case .cancelled, .reserved, .rejected, .released, .captured, .voided, .refunded:
                misrouted(record)
                continue
            }
            let decision = rules.reservation(
                reservations[record.order], message, rules.batchSharesItsBook ? book : before)
            heed(decision.outcome, record.order)
            reservations[record.order] = decision.state
            book.apply(decision.effects)
            for effect in decision.effects {
                switch effect {
                case .stock: break
                case .reserved: emit(.inventory, .reserved, record.order)
                case .rejected: emit(.inventory, .rejected, record.order)
                case .released: emit(.inventory, .released, record.order)
                }
            }
        }
        for change in book.changes {
            guard let index = Self.skus.firstIndex(of: change.sku) else { continue }
            let old = stock[index]
            stock[index] = StockLevel(
                available: old.available + change.available, reserved: old.reserved + change.reserved,
                sold: old.sold + change.sold)
        }
    }

    // Payments

    private mutating func hearInPayments(_ record: Record, _ rules: Rules) {
        switch record.channel {
        case .reserved: decidePayment(record.order, .reserved(placed[record.order].charge), rules)
        case .cancelling: decidePayment(record.order, .cancelling, rules)
        case .created, .confirmed, .cancelled, .rejected, .released, .captured, .declined, .voided, .refunded:
            misrouted(record)
        }
    }

    mutating func decidePayment(_ order: Int, _ message: PaymentMessage, _ rules: Rules) {
        let decision = rules.payment(payments[order], message)
        heed(decision.outcome, order)
        payments[order] = decision.state
        for effect in decision.effects {
            switch effect {
            // Called from the stored state, so that a crash right after the commit loses nothing.
            case .callGateway: break
            case .post(let posting):
                ledger += posting.entries(for: Self.identifier(order))
                kept[order] += posting.kind == .capture ? posting.amount.amount : -posting.amount.amount
            case .captured: emit(.payments, .captured, order)
            case .declined: emit(.payments, .declined, order)
            case .voided: emit(.payments, .voided, order)
            case .refunded: emit(.payments, .refunded, order)
            }
        }
    }

    // Notifications

    private mutating func hearInNotifications(_ record: Record, _ rules: Rules) {
        let total = placed[record.order].charge.amount
        let message: NoticeMessage
        switch record.channel {
        case .created: message = .created(total: total)
        case .confirmed: message = .confirmed(total: total)
        case .cancelled: message = .cancelled(reason: Self.noticeReason(record.reason))
        case .cancelling, .reserved, .rejected, .released, .captured, .declined, .voided, .refunded:
            return misrouted(record)
        }
        let decision = rules.notice(told[record.order], message, Self.identifier(record.order))
        heed(decision.outcome, record.order)
        told[record.order] = decision.state
        noticesWritten[record.order] += decision.effects.count
    }

    private static func noticeReason(_ reason: CancelReason?) -> NoticeReason {
        switch reason {
        case .outOfStock: .outOfStock
        case .paymentDeclined: .paymentDeclined
        case .deadline: .deadline
        case .customer, nil: .customer
        }
    }

    static func identifier(_ order: Int) -> Identifier { Identifier(high: 0, low: UInt64(order)) }

    private mutating func heed(_ outcome: Outcome, _ order: Int) {
        if case .alarm(let why) = outcome { violate("alarm for order \(order): \(why)") }
    }

    private mutating func misrouted(_ record: Record) {
        violate("\(record.channel.rawValue) was delivered to a service that does not know it")
    }
}
