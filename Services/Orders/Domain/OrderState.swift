/// An order as a record of facts: what became of its stock, of its money, and who asked to cancel it.
///
/// The facts come from different topics, which keep no order between them. So they are merged, each on its
/// own, and the status follows from all of them: whichever comes first, the order ends the same.
package struct OrderState: Hashable, Sendable {
    package let stock: StockFact
    package let money: MoneyFact
    /// Nil while nobody asked to cancel.
    package let cancellation: Canceller?

    /// Accepted and priced; nothing heard yet.
    package static let placed = OrderState(known: .open, .open, nil)

    /// Nil for facts that can't be true together: no stock and yet a capture, a refund that nobody asked for.
    package init?(stock: StockFact, money: MoneyFact, cancellation: Canceller?) {
        switch (stock, money) {
        // Payments hears of an order only once its stock is held.
        case (.rejected, .captured), (.rejected, .declined), (.rejected, .refunded): return nil
        // Only a cancellation makes payments give up or give back,
        case (_, .voided), (_, .refunded): if cancellation == nil { return nil }
        // and inventory too, except for a declined payment.
        case (.released, .captured): if cancellation == nil { return nil }
        case (.open, _), (.rejected, .open), (.released, .open), (.released, .declined): break
        }
        self.init(known: stock, money, cancellation)
    }

    private init(known stock: StockFact, _ money: MoneyFact, _ cancellation: Canceller?) {
        self.stock = stock
        self.money = money
        self.cancellation = cancellation
    }

    package var status: OrderStatus {
        guard cancellation == nil else {
            return stock.isSettled && money.isSettled ? .cancelled : .cancelling
        }
        switch (stock, money) {
        // Inventory may be heard before the declined payment that made it release.
        case (.open, .open), (.released, .open): return .pending
        case (.open, .captured), (.released, .captured): return .confirmed
        case (.rejected, _): return .cancelled
        case (.open, .declined), (.open, .voided), (.open, .refunded): return .cancelling
        case (.released, .declined), (.released, .voided), (.released, .refunded): return .cancelled
        }
    }

    /// Why the order is cancelling or cancelled; nil otherwise.
    ///
    /// It never changes once it is there.
    package var reason: CancelReason? {
        switch cancellation {
        case .customer: return .customer
        case .deadline: return .deadline
        case nil: break
        }
        switch status {
        case .pending, .confirmed: return nil
        case .cancelling, .cancelled: return stock == .rejected ? .outOfStock : .paymentDeclined
        }
    }
}

/// What inventory said last.
package enum StockFact: String, Hashable, Sendable, CaseIterable {
    /// Nothing that ends it: not yet decided, or held.
    case open
    case rejected
    case released

    /// Nothing is held, and nothing will be.
    package var isSettled: Bool {
        switch self {
        case .open: false
        case .rejected, .released: true
        }
    }
}

/// What payments said last.
package enum MoneyFact: String, Hashable, Sendable, CaseIterable {
    case open
    case captured
    case declined
    case voided
    case refunded

    /// The customer has all the money, and will keep it.
    package var isSettled: Bool {
        switch self {
        case .open, .captured: false
        case .declined, .voided, .refunded: true
        }
    }
}

/// Who may ask to cancel an order.
package enum Canceller: String, Hashable, Sendable, CaseIterable {
    case customer
    case deadline
}

/// Where an order stands, in the words that clients see.
package enum OrderStatus: String, Hashable, Sendable, CaseIterable {
    case pending
    /// Final: the customer gets the goods.
    case confirmed
    /// Will not be fulfilled; stock or money are still out.
    case cancelling
    /// Final: everything is given back.
    case cancelled
}

/// Why an order is not fulfilled, in the words that clients see.
package enum CancelReason: String, Hashable, Sendable, CaseIterable {
    case outOfStock = "out_of_stock"
    case paymentDeclined = "payment_declined"
    case customer
    case deadline
}
