package import Kernel

/// A product as somebody wants to have it listed.
package struct ProductDraft: Hashable, Sendable {
    package static let nameMax = 200

    package let sku: String
    package let name: String
    package let price: Money

    package init(sku: String, name: String, price: Money) {
        self.sku = sku
        self.name = name
        self.price = price
    }

    /// Everything wrong with it; empty when it may be stored.
    package var violations: [Violation] {
        var found: [Violation] = []
        if !TextRule.acceptsSKU(sku) {
            found.append(
                Violation("/sku", "A SKU has 1 to 64 letters, digits, dots, dashes or underscores."))
        } else if CardNumber.appears(in: sku, digits: 15...19) {
            // Orders would refuse it on every order.
            found.append(Violation("/sku", "This looks like a card number: choose another SKU."))
        }
        if !TextRule.accepts(name, lengths: 1...Self.nameMax) {
            found.append(
                Violation("/name", "Send 1 to \(Self.nameMax) characters, none of them a control character.")
            )
        }
        if price.amount < 1 {
            found.append(
                Violation("/price/amount", "A price is at least 1 in the minor unit, such as cents."))
        }
        return found
    }
}

/// Goods that arrived.
package struct Restock: Hashable, Sendable {
    package static let quantityMax: Int64 = 1_000_000

    package let quantity: Int64

    package init(quantity: Int64) { self.quantity = quantity }

    /// Everything wrong with it; empty when the goods may be counted in.
    package var violations: [Violation] {
        guard (1...Self.quantityMax).contains(quantity) else {
            return [Violation("/quantity", "Add between 1 and \(Self.quantityMax) at a time.")]
        }
        return []
    }
}
