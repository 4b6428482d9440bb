/// What an order holds of the stock.
package enum Reservation: Hashable, Sendable {
    /// Nothing is known of the order: there is no row.
    case none
    case held([StockLine])
    /// At least one line fell short, so nothing is held.
    case rejected
    /// Final: nothing is held, any more or ever.
    case released
    /// Final: the goods are the customer's.
    case sold

    package var status: ReservationStatus {
        switch self {
        case .none: .none
        case .held: .held
        case .rejected: .rejected
        case .released: .released
        case .sold: .sold
        }
    }
}

/// A `Reservation` without its lines; the words stored.
package enum ReservationStatus: String, Hashable, Sendable, CaseIterable {
    case none
    case held
    case rejected
    case released
    case sold
}

/// How many of one SKU an order takes.
package struct StockLine: Hashable, Sendable {
    package let sku: String
    package let quantity: Int64

    package init(sku: String, quantity: Int64) {
        self.sku = sku
        self.quantity = quantity
    }
}
