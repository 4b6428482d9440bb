import Kernel
import Postgres

/// Rows of `restock`: which deliveries were counted in, by the Idempotency-Key they came with.
enum RestockStore {
    private static let claim = PostgresStatement(
        "restock.claim",
        """
        INSERT INTO restock (key, sku, quantity) VALUES ($1, $2, $3) ON CONFLICT (key) DO NOTHING
        """)

    private static let find = PostgresStatement(
        "restock.find", "SELECT sku = $2 AND quantity = $3 FROM restock WHERE key = $1")

    /// Whose a key is.
    enum Claim: Sendable {
        case ours
        /// The same request had it before.
        case repeated
        /// Another request had it before.
        case taken
    }

    /// Claims a key for one delivery; waits for another transaction that claims the same key just now.
    static func claim(
        _ key: String, sku: String, quantity: Int64, in transaction: PostgresTransaction
    ) async throws -> Claim {
        if try await transaction.query(claim(key, sku, quantity)).affectedRows == 1 { return .ours }
        guard let row = try await transaction.query(find(key, sku, quantity)).first else { return .taken }
        return try row.bool(0) ? .repeated : .taken
    }
}
