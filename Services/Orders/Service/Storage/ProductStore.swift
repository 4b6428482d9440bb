import Contracts
import Kernel
import Postgres

/// Rows of `product`: our copy of the compacted topic `inventory.stock`.
enum ProductStore {
    private static let prices = PostgresStatement(
        "product.prices", "SELECT sku, price_amount, currency FROM product WHERE sku = ANY ($1)")

    private static let upsert = PostgresStatement(
        "product.upsert",
        """
        INSERT INTO product (sku, name, price_amount, currency, available, version)
        SELECT unnest($1::text[]), unnest($2::text[]), unnest($3::bigint[]), unnest($4::text[]), unnest($5::bigint[]),
            unnest($6::bigint[])
        ON CONFLICT (sku) DO UPDATE SET name = excluded.name, price_amount = excluded.price_amount,
            currency = excluded.currency, available = excluded.available, version = excluded.version
        WHERE product.version < excluded.version
        """)

    private static let any = PostgresStatement("product.any", "SELECT EXISTS (SELECT FROM product)")

    /// Whether inventory has told of any product yet; until then every order would be refused for what it names.
    static func isFilled(in pool: PostgresPool) async throws -> Bool {
        try await pool.query(any()).first?.bool(0) ?? false
    }

    /// The prices of these SKUs; one that isn't in the result is not sold.
    static func prices(of skus: Set<String>) -> PostgresQuery { prices(Array(skus)) }

    static func prices(from result: PostgresResult) throws -> [String: Money] {
        var prices: [String: Money] = [:]
        prices.reserveCapacity(result.rowCount)
        for row in result {
            guard let currency = Currency(try row.string(2)) else { continue }
            prices[try row.string(0)] = Money(amount: try row.int64(1), currency: currency)
        }
        return prices
    }

    /// Keeps the highest version of each product; older ones change nothing.
    static func upsert(_ products: [ProductStock], in transaction: PostgresTransaction) {
        var latest: [String: ProductStock] = [:]
        for product in products where product.version > latest[product.sku]?.version ?? .min {
            latest[product.sku] = product
        }
        guard !latest.isEmpty else { return }
        let sorted = latest.values.sorted { $0.sku < $1.sku }
        transaction.enqueue(
            upsert(
                sorted.map(\.sku), sorted.map(\.name), sorted.map(\.price.amount),
                sorted.map(\.price.currency.code), sorted.map(\.available), sorted.map(\.version)))
    }
}
