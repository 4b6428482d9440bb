package import Kernel

/// Every line is held.
///
/// Carries what payments needs, so that payments hears one topic and no cause can be missing.
package struct StockReserved: OrderEvent {
    package static let topic = Topic.inventoryReserved

    package let orderId: Identifier
    package let total: Money
    package let paymentToken: String

    package init(orderId: Identifier, total: Money, paymentToken: String) {
        self.orderId = orderId
        self.total = total
        self.paymentToken = paymentToken
    }

    package func validate() throws(ContractError) {
        try EventRule.requirePositive(total, "total")
        try EventRule.requireText(paymentToken, "paymentToken")
    }
}

/// At least one line can't be held, so none is.
package struct StockRejected: OrderEvent {
    package static let topic = Topic.inventoryRejected

    package let orderId: Identifier
    /// The SKUs that fell short.
    package let skus: [String]

    package init(orderId: Identifier, skus: [String]) {
        self.orderId = orderId
        self.skus = skus
    }
}

/// No stock is held for the order, any more or ever.
package struct StockReleased: OrderEvent {
    package static let topic = Topic.inventoryReleased

    package let orderId: Identifier

    package init(orderId: Identifier) { self.orderId = orderId }
}

/// What a product is called and costs, and how many can still be bought: the latest word on each SKU.
///
/// `version` grows with each change of the product; a reader keeps the highest it has seen. Publishing is conflated,
/// so versions have gaps.
package struct ProductStock: Event {
    package static let topic = Topic.inventoryStock

    package let sku: String
    package let name: String
    package let price: Money
    package let available: Int64
    package let version: Int64

    package var key: String { sku }

    package init(sku: String, name: String, price: Money, available: Int64, version: Int64) {
        self.sku = sku
        self.name = name
        self.price = price
        self.available = available
        self.version = version
    }

    package func validate() throws(ContractError) {
        try EventRule.require(TextRule.acceptsSKU(sku), "sku", "is no SKU")
        try EventRule.requireText(name, "name", 1...EventRule.nameMax)
        try EventRule.requirePositive(price, "price")
        try EventRule.require(available >= 0, "available", "is below 0")
        try EventRule.require(version, in: 1...EventRule.versionMax, "version")
    }
}
