import InventoryDomain
import Kernel

/// A product as clients see it.
struct ProductView: Encodable, Sendable {
    let sku: String
    let name: String
    let price: Money
    let available: Int64
    let reserved: Int64
    let sold: Int64

    init(_ product: StoredProduct) {
        sku = product.sku
        name = product.name
        price = product.price
        available = product.level.available
        reserved = product.level.reserved
        sold = product.level.sold
    }
}

/// A page of products.
struct ProductList: Encodable, Sendable {
    let products: [ProductView]
    let nextCursor: String?
}
