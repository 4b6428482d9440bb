import Postgres

/// What clients and the publisher read of `product`.
enum ProductQueries {
    private static let find = PostgresStatement(
        "product.find", "SELECT \(ProductStore.columns) FROM product WHERE sku = $1")

    private static let list = PostgresStatement(
        "product.list",
        "SELECT \(ProductStore.columns) FROM product WHERE sku > $1 ORDER BY sku LIMIT $2")

    /// No index has it, so that orders need not change one: a walk over all products, $2 at a time.
    private static let unpublished = PostgresStatement(
        "product.unpublished",
        """
        SELECT coalesce(array_agg(sku) FILTER (WHERE published_version <> version), '{}'), max(sku), count(*)
        FROM (SELECT sku, version, published_version FROM product WHERE sku > $1 ORDER BY sku LIMIT $2) AS page
        """)

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

    /// Those of the next `limit` SKUs of which `inventory.stock` doesn't know the latest.
    ///
    /// - Returns: them, and the SKU after which to go on; nil where there is no more.
    static func unpublished(
        after sku: String, limit: Int, in pool: PostgresPool
    ) async throws -> (skus: [String], next: String?) {
        guard let row = try await pool.query(unpublished(sku, Int64(limit))).first else { return ([], nil) }
        return (try row.stringArray(0), try row.int64(2) < limit ? nil : row.optionalString(1))
    }

    /// Locks those of the products whose latest version is not published, and marks it as such.
    ///
    /// - Returns: them, and for each that can't be read an error that names it; it stays as it is.
    static func publish(
        _ skus: [String], in transaction: PostgresTransaction
    ) async throws -> (products: [StoredProduct], unreadable: [any Error]) {
        var found: (products: [StoredProduct], unreadable: [any Error]) = ([], [])
        for row in try await transaction.query(lockUnpublished(skus)) {
            do {
                found.products.append(try StoredProduct(row: row))
            } catch {
                found.unreadable.append(error)
            }
        }
        if !found.products.isEmpty {
            transaction.enqueue(markPublished(found.products.map(\.sku), found.products.map(\.version)))
        }
        return found
    }
}
