package import Kernel

/// What is known of an order, as far as sales are concerned.
package enum Sale: Hashable, Sendable {
    /// Nothing: there is no row.
    case none
    /// Its lines wait for a confirmation.
    case placed([SaleLine])
    /// Its confirmation, of this time, waits for its lines.
    case confirmed(Timestamp)
    /// Final: its lines were counted where the confirmation's time belongs.
    case counted(Timestamp)
    /// Final: nothing of it was sold.
    case cancelled

    package var status: SaleStatus {
        switch self {
        case .none: .none
        case .placed: .placed
        case .confirmed: .confirmed
        case .counted: .counted
        case .cancelled: .cancelled
        }
    }
}

/// A `Sale` without what it carries; the words stored.
package enum SaleStatus: String, Hashable, Sendable, CaseIterable {
    case none
    case placed
    case confirmed
    case counted
    case cancelled
}

/// How many of one SKU an order wants.
package struct SaleLine: Hashable, Sendable {
    package let sku: String
    package let quantity: Int64

    package init(sku: String, quantity: Int64) {
        self.sku = sku
        self.quantity = quantity
    }
}
