import Postgres

/// What clients and the publisher read of `product`.
enum ProductQueries {
    private static let find = PostgresStatement(
        "product.find", "SELECT \(ProductStore.columns) FROM product WHERE sku = $1")

    private static let list = PostgresStatement(
        "product.list",
        "SELECT \(ProductStore.columns) FROM product WHERE sku > $1 ORDER BY sku LIMIT $2")

    private static let unpublished = PostgresStatement(
        "product.unpublished", "SELECT sku FROM product WHERE published_version <> version")

    private static let lockUnpublished = PostgresStatement(
        "product.lock_unpublished",
        """
        SELECT \(ProductStore.columns) FROM product WHERE sku = ANY ($1) AND published_version < version
        ORDER BY sku FOR NO KEY UPDATE
        """)

    private static let markPublished = PostgresStatement(
        "product.mark_published",
        """
        UPDATE product SET published_version = told.version
        FROM (SELECT unnest($1::text[]) AS sku, unnest($2::bigint[]) AS version) AS told
        WHERE product.sku = told.sku
        """)

    static func find(_ sku: String, in pool: PostgresPool) async throws -> StoredProduct? {
        try await pool.query(find(sku)).first.map(StoredProduct.init(row:))
    }

    /// A page of products by SKU.
    ///
    /// - Returns: the products, and the SKU after which the next page goes on; nil where there is no more.
    static func list(
        after sku: String?, limit: Int, in pool: PostgresPool
    ) async throws -> (products: [StoredProduct], next: String?) {
        let products = try await pool.query(list(sku ?? "", Int64(limit) + 1)).map(StoredProduct.init(row:))
        guard products.count > limit else { return (products, nil) }
        let page = Array(products.prefix(limit))
        return (page, page.last?.sku)
    }

    /// The SKUs of which `inventory.stock` doesn't know the latest.
    static func unpublished(in pool: PostgresPool) async throws -> [String] {
        try await pool.query(unpublished()).map { try $0.string(0) }
    }

    /// Locks those of the products whose latest version is not published, and marks it as such.
    static func publish(_ skus: [String], in transaction: PostgresTransaction) async throws -> [StoredProduct]
    {
        let products = try await transaction.query(lockUnpublished(skus)).map(StoredProduct.init(row:))
        if !products.isEmpty {
            transaction.enqueue(markPublished(products.map(\.sku), products.map(\.version)))
        }
        return products
    }
}
