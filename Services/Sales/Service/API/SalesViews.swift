import Kernel
import Postgres
import SalesDomain

/// What a product sold in a window, as clients see it.
struct SumView: Encodable, Sendable {
    let sku: String
    let start: Timestamp
    let seconds: Int64
    let units: Int64
    let orders: Int64

    init(_ sum: StoredSum) {
        sku = sum.sku
        start = sum.window.start
        seconds = SalesWindow.length.components.seconds
        units = sum.units
        orders = sum.orders
    }
}

/// A page of sums.
struct SumList: Encodable, Sendable {
    let sales: [SumView]
    let nextCursor: String?
}

/// One of those that sold best.
struct BestSellerView: Encodable, Sendable {
    let sku: String
    let units: Int64
    let orders: Int64

    init(row: PostgresRow) throws {
        sku = try row.string(0)
        units = try row.int64(1)
        orders = try row.int64(2)
    }
}

/// What sold best since `start`.
struct BestSellerList: Encodable, Sendable {
    let start: Timestamp
    let bestsellers: [BestSellerView]
}
