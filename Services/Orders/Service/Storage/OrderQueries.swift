import Kernel
import OrdersDomain
import Postgres

/// What clients read of `orders`.
enum OrderQueries {
    private static let columns = """
        id, customer_id, status, reason, lines::text, total_amount, currency, created_at, updated_at, version
        """

    private static let find = PostgresStatement(
        "orders.find", "SELECT \(columns) FROM orders WHERE id = ANY ($1)")

    private static let list = page("orders.list", of: "id < $1", by: "id DESC")

    /// In the order of `orders_by_customer`, which no other index has: a plan that is the same for all customers would
    /// else walk all orders by their id, once the statistics know of a few customers only.
    private static let listOfCustomer = page(
        "orders.list_of_customer", of: "(customer_id, id) < ($5, $1) AND customer_id >= $5",
        by: "customer_id DESC, id DESC")

    /// What matches of the newest $4 rows: by status there is no index, as it changes, so a page may come back short.
    ///
    /// The last of these rows and the one after it come along whatever their status, since the next page begins there.
    /// A statement of its own would find others in their places where an order was placed meanwhile.
    private static func page(_ name: String, of rows: String, by order: String) -> PostgresStatement {
        PostgresStatement(
            name,
            """
            SELECT \(columns), place FROM (
                SELECT *, row_number() OVER (ORDER BY \(order)) AS place FROM orders WHERE \(rows)
                ORDER BY \(order) LIMIT $4 + 1) AS newest
            WHERE $2::text IS NULL OR status = $2 OR place >= $4 ORDER BY \(order) LIMIT $3
            """)
    }

    private static let ended = PostgresStatement(
        "orders.ended",
        """
        SELECT id, status, reason, version, updated_at FROM orders
        WHERE id = ANY ($1) AND status IN ('confirmed', 'cancelled')
        """)

    /// How many rows one page of a list looks at.
    static let scannedMax: Int64 = 10_000

    static func find(_ ids: [Identifier], in pool: PostgresPool) async throws -> [OrderView] {
        try await pool.query(find(ids)).map(OrderView.init(row:))
    }

    /// The ends that those of `ids` have come to which have come to one.
    static func ended(_ ids: [Identifier], in pool: PostgresPool) async throws -> [OrderEnding] {
        try await pool.query(ended(ids)).map {
            OrderEnding(
                id: try $0.identifier(0), status: try $0.string(1), reason: try $0.optionalString(2),
                version: try $0.int64(3), updatedAt: try $0.timestamp(4))
        }
    }

    /// A page of orders, newest first.
    ///
    /// - Returns: the orders, and the id after which the next page goes on; nil where there is no more.
    static func list(
        after id: Identifier?, customer: String?, status: OrderStatus?, limit: Int, in pool: PostgresPool
    ) async throws -> (orders: [OrderView], next: Identifier?) {
        let start = id ?? Identifier(high: .max, low: .max)
        // Besides a full page either one more that matches, or the two rows that say where a short one ends.
        let rowsMax = Int64(limit) + 2
        let rows = try await pool.query(
            customer.map { listOfCustomer(start, status?.rawValue, rowsMax, scannedMax, $0) }
                ?? list(start, status?.rawValue, rowsMax, scannedMax))
        let orders = try rows.filter {
            let matches = try status == nil || $0.string(2) == status?.rawValue
            return try matches && $0.int64(10) <= scannedMax
        }.map(OrderView.init(row:))
        if orders.count > limit {
            let page = Array(orders.prefix(limit))
            return (page, page.last?.id)
        }
        let isMore = try rows.contains { try $0.int64(10) > scannedMax }
        let last = try rows.first { try $0.int64(10) == scannedMax }
        return (orders, isMore ? try last?.identifier(0) : nil)
    }
}
