package import Kernel

/// What a product sold within a window of time, once that is over.
///
/// Said again, with the new sums and a higher version, where more of it is heard of later; a reader keeps the highest.
package struct SalesCounted: Event {
    package static let topic = Topic.salesCounted

    package let sku: String
    /// When the window begins.
    package let start: Timestamp
    /// How long it is.
    package let seconds: Int64
    /// How many pieces confirmed orders took.
    package let units: Int64
    /// How many orders took some.
    package let orders: Int64

    package var key: String { "\(sku)@\(start)" }

    package init(sku: String, start: Timestamp, seconds: Int64, units: Int64, orders: Int64) {
        self.sku = sku
        self.start = start
        self.seconds = seconds
        self.units = units
        self.orders = orders
    }

    package func validate() throws(ContractError) {
        try EventRule.requireText(sku, "sku", 1...EventRule.skuMax)
        try EventRule.require(seconds > 0, "seconds", "is below 1")
        try EventRule.require(units > 0, "units", "is below 1")
        try EventRule.require(orders > 0, "orders", "is below 1")
    }
}
