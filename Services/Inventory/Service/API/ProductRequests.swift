import InventoryDomain
import Kernel

/// The body of `PUT /v1/products/{sku}`.
struct ProductRequest: Decodable, Sendable {
    let name: String
    let price: Money

    func draft(sku: String) -> ProductDraft { ProductDraft(sku: sku, name: name, price: price) }
}

/// The body of `POST /v1/products/{sku}/stock`.
struct RestockRequest: Decodable, Sendable {
    let quantity: Int64

    var restock: Restock { Restock(quantity: quantity) }
}
