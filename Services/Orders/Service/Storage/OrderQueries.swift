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

    /// By status there is no index, as it changes: a page looks at a bounded number of rows and may come back short.
    private static let list = PostgresStatement(
        "orders.list",
        """
        SELECT \(columns) FROM (SELECT * FROM orders WHERE id < $1 ORDER BY id DESC LIMIT $4) AS newest
        WHERE $2::text IS NULL OR status = $2 ORDER BY id DESC LIMIT $3
        """)

    /// In the order of `orders_by_customer`, which no other index has: a plan that is the same for all customers would
    /// else walk all orders by their id, once the statistics know of a few customers only.
    private static let listOfCustomer = PostgresStatement(
        "orders.list_of_customer",
        """
        SELECT \(columns) FROM (
            SELECT * FROM orders WHERE (customer_id, id) < ($5, $1) AND customer_id >= $5
            ORDER BY customer_id DESC, id DESC LIMIT $4) AS newest
        WHERE $2::text IS NULL OR status = $2 ORDER BY customer_id DESC, id DESC LIMIT $3
        """)

    /// The oldest row that a page of `scanned` rows looks at, and the one after it, where a filtered page came back short.
    private static let horizon = PostgresStatement(
        "orders.horizon",
        """
        SELECT id FROM orders WHERE id < $1 ORDER BY id DESC OFFSET $2 - 1 LIMIT 2
        """)

    private static let horizonOfCustomer = PostgresStatement(
        "orders.horizon_of_customer",
        """
        SELECT id FROM orders WHERE (customer_id, id) < ($3, $1) AND customer_id >= $3
        ORDER BY customer_id DESC, id DESC OFFSET $2 - 1 LIMIT 2
        """)

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
        let result =
            if let customer {
                try await pool.query(
                    listOfCustomer(start, status?.rawValue, Int64(limit) + 1, scannedMax, customer))
            } else {
                try await pool.query(list(start, status?.rawValue, Int64(limit) + 1, scannedMax))
            }
        let orders = try result.map(OrderView.init(row:))
        if orders.count > limit {
            let page = Array(orders.prefix(limit))
            return (page, page.last?.id)
        }
        guard status != nil else { return (orders, nil) }
        let horizon = try await pool.query(
            customer.map { horizonOfCustomer(start, scannedMax, $0) } ?? horizon(start, scannedMax))
        return (orders, horizon.rowCount > 1 ? try horizon.first?.identifier(0) : nil)
    }
}
