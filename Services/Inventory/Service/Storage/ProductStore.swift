import InventoryDomain
import Kernel
import Postgres

/// A product as it is stored.
struct StoredProduct: Sendable {
    let sku: String
    let name: String
    let price: Money
    let level: StockLevel
    /// Grows by one with each change of anything above.
    let version: Int64
}

/// Rows of `product`: locking and changing them.
///
/// What clients read is in `ProductQueries`.
enum ProductStore {
    static let columns = "sku, name, price_amount, currency, available, reserved, sold, version"

    /// $1: the SKUs of new orders; $2: the orders whose reservations may be given back or sold.
    ///
    /// The reservations are locked by the statement before, in the same round trip, so what their lines say stands.
    /// An UPDATE from a set of rows promises no order of locking; this one does, for every transaction alike.
    private static let lock = PostgresStatement(
        "product.lock",
        """
        SELECT sku, available, reserved, sold FROM product
        WHERE sku = ANY (ARRAY(
            SELECT unnest($1::text[])
            UNION SELECT unnest(skus) FROM reservation WHERE order_id = ANY ($2) AND status = 'held'))
        ORDER BY sku FOR NO KEY UPDATE
        """)

    private static let change = PostgresStatement(
        "product.change",
        """
        UPDATE product SET available = product.available + change.available,
            reserved = product.reserved + change.reserved, sold = product.sold + change.sold,
            version = product.version + 1
        FROM (
            SELECT unnest($1::text[]) AS sku, unnest($2::bigint[]) AS available, unnest($3::bigint[]) AS reserved,
                unnest($4::bigint[]) AS sold
        ) AS change
        WHERE product.sku = change.sku
        """)

    /// Changes nothing, and returns nothing, where the product is already what it shall be.
    private static let put = PostgresStatement(
        "product.put",
        """
        INSERT INTO product (sku, name, price_amount, currency, published_version) VALUES ($1, $2, $3, $4, 1)
        ON CONFLICT (sku) DO UPDATE SET name = excluded.name, price_amount = excluded.price_amount,
            currency = excluded.currency, version = product.version + 1, published_version = product.version + 1
        WHERE (product.name, product.price_amount, product.currency)
            IS DISTINCT FROM (excluded.name, excluded.price_amount, excluded.currency)
        RETURNING \(columns)
        """)

    private static let lockVersion = PostgresStatement(
        "product.lock_version", "SELECT version FROM product WHERE sku = $1 FOR NO KEY UPDATE")

    private static let restock = PostgresStatement(
        "product.restock",
        """
        UPDATE product SET available = available + $2, restocked = restocked + $2, version = version + 1,
            published_version = version + 1
        WHERE sku = $1 RETURNING \(columns)
        """)

    private static let add = PostgresStatement(
        "product.add",
        """
        INSERT INTO product (sku, name, price_amount, currency, available, restocked, published_version)
        SELECT sku, name, price_amount, currency, available, available, 1
        FROM (
            SELECT unnest($1::text[]) AS sku, unnest($2::text[]) AS name, unnest($3::bigint[]) AS price_amount,
                unnest($4::text[]) AS currency, unnest($5::bigint[]) AS available
        ) AS added
        ON CONFLICT (sku) DO NOTHING RETURNING \(columns)
        """)

    /// Locks the products that a batch may touch, in the order of their SKUs.
    static func lock(_ skus: Set<String>, heldBy orderIDs: [Identifier]) -> PostgresQuery {
        lock(Array(skus), orderIDs)
    }

    static func stock(from result: PostgresResult) throws -> StockBook {
        var levels: [String: StockLevel] = [:]
        levels.reserveCapacity(result.rowCount)
        for row in result {
            levels[try row.string(0)] = StockLevel(
                available: try row.int64(1), reserved: try row.int64(2), sold: try row.int64(3))
        }
        return StockBook(levels)
    }

    /// Writes what a batch changed, one row per SKU; the rows are locked already.
    static func change(_ changes: [StockChange], in transaction: PostgresTransaction) {
        guard !changes.isEmpty else { return }
        transaction.enqueue(
            change(
                changes.map(\.sku), changes.map(\.available), changes.map(\.reserved), changes.map(\.sold)))
    }

    /// Locks a product: its version stands until the transaction ends.
    ///
    /// - Returns: nil, and nothing is locked, if there is none.
    static func lockVersion(
        of sku: String, in transaction: PostgresTransaction
    ) async throws -> Int64? {
        try await transaction.query(lockVersion(sku)).first?.int64(0)
    }

    /// Lists a product, or gives a listed one its name and price.
    ///
    /// - Returns: the product if this changed it; nil if there was nothing to change.
    static func put(_ draft: ProductDraft, in transaction: PostgresTransaction) async throws -> StoredProduct?
    {
        try await transaction.query(
            put(draft.sku, draft.name, draft.price.amount, draft.price.currency.code)
        ).first.map(StoredProduct.init(row:))
    }

    /// Counts goods in; nil if there is no such product.
    static func restock(
        _ sku: String, by quantity: Int64, in transaction: PostgresTransaction
    ) async throws -> StoredProduct? {
        try await transaction.query(restock(sku, quantity)).first.map(StoredProduct.init(row:))
    }

    /// Lists products with stock; those whose SKU is listed already stay as they are.
    ///
    /// - Returns: the new ones.
    static func add(
        _ products: [(draft: ProductDraft, available: Int64)], in transaction: PostgresTransaction
    ) async throws -> [StoredProduct] {
        let sorted = products.sorted { $0.draft.sku < $1.draft.sku }
        return try await transaction.query(
            add(
                sorted.map(\.draft.sku), sorted.map(\.draft.name), sorted.map(\.draft.price.amount),
                sorted.map(\.draft.price.currency.code), sorted.map(\.available))
        ).map(StoredProduct.init(row:))
    }
}

extension StoredProduct {
    /// Reads a row of `ProductStore.columns`.
    init(row: PostgresRow) throws {
        let sku = try row.string(0)
        guard let currency = Currency(try row.string(3)) else { throw StoredProductError(sku: sku) }
        self.init(
            sku: sku, name: try row.string(1), price: Money(amount: try row.int64(2), currency: currency),
            level: StockLevel(
                available: try row.int64(4), reserved: try row.int64(5), sold: try row.int64(6)),
            version: try row.int64(7))
    }
}

/// A row has a currency that is none: somebody changed it by hand.
struct StoredProductError: Error, CustomStringConvertible {
    let sku: String
    var description: String { "the product \(sku) has no valid currency" }
}
