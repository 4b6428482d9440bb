import Kernel
import Postgres
import SalesDomain

/// What a product sold in a window, as far as it is counted.
struct StoredSum: Sendable {
    let window: SalesWindow
    let sku: String
    let units: Int64
    let orders: Int64
    /// How often it was told.
    let version: Int64
}

/// Rows of `sales_sum`.
enum WindowStore {
    private static let columns = "starts_at, sku, units, orders, version"

    /// In the order of the rows it is given, in which they are locked.
    private static let add = PostgresStatement(
        "sales_sum.add",
        """
        INSERT INTO sales_sum (starts_at, sku, units, orders, updated_at)
        SELECT unnest($1::timestamptz[]), unnest($2::text[]), unnest($3::bigint[]), unnest($4::bigint[]), $5
        ON CONFLICT (starts_at, sku) DO UPDATE SET units = sales_sum.units + excluded.units,
            orders = sales_sum.orders + excluded.orders, is_told = false, updated_at = excluded.updated_at
        """)

    /// Leaves out what another instance tells now, and what has changed since `$2`: while old events are read, an old
    /// window changes with each batch.
    ///
    /// What has changed long after `$2` did so by a clock that was ahead, and would wait until this one is there.
    private static let tell = PostgresStatement(
        "sales_sum.tell",
        """
        WITH due AS MATERIALIZED (
            SELECT starts_at, sku FROM sales_sum WHERE NOT is_told AND starts_at <= $1
                AND (updated_at <= $2 OR updated_at > $2 + interval '15 minutes')
            ORDER BY starts_at, sku LIMIT $3 FOR NO KEY UPDATE SKIP LOCKED
        )
        UPDATE sales_sum SET is_told = true, version = version + 1 FROM due
        WHERE sales_sum.starts_at = due.starts_at AND sales_sum.sku = due.sku
        RETURNING sales_sum.starts_at, sales_sum.sku, units, orders, version
        """)

    private static let list = PostgresStatement(
        "sales_sum.list",
        """
        SELECT \(columns) FROM sales_sum WHERE (starts_at, sku) < ($1, $2) ORDER BY starts_at DESC, sku DESC LIMIT $3
        """)

    private static let newest = PostgresStatement(
        "sales_sum.newest", "SELECT \(columns) FROM sales_sum ORDER BY starts_at DESC, sku DESC LIMIT $1")

    private static let best = PostgresStatement(
        "sales_sum.best",
        """
        SELECT sku, sum(units)::bigint AS units, sum(orders)::bigint FROM sales_sum WHERE starts_at BETWEEN $1 AND $2
        GROUP BY sku ORDER BY units DESC, sku LIMIT $3
        """)

    /// Adds what a batch sold, `changes` being in the order of their windows and SKUs.
    static func add(_ changes: [SalesChange], at time: Timestamp, in transaction: PostgresTransaction) {
        guard !changes.isEmpty else { return }
        transaction.enqueue(
            add(
                changes.map(\.window.start), changes.map(\.sku), changes.map(\.units), changes.map(\.orders),
                time))
    }

    /// Marks up to `limit` sums of `window` and earlier ones as told, those that have changed since they were and not
    /// since `time`.
    static func tell(
        upTo window: SalesWindow, unchangedSince time: Timestamp, limit: Int,
        in transaction: PostgresTransaction
    ) async throws -> [StoredSum] {
        try await transaction.query(tell(window.start, time, Int64(limit))).map(StoredSum.init(row:))
    }

    /// A page of sums, newest first, from below `cursor`.
    ///
    /// - Returns: the sums, and whether there are more below them.
    static func list(
        below cursor: (start: Timestamp, sku: String)?, limit: Int, in pool: PostgresPool
    ) async throws -> (sums: [StoredSum], isLast: Bool) {
        let rows =
            if let cursor {
                try await pool.query(list(cursor.start, cursor.sku, Int64(limit) + 1))
            } else {
                try await pool.query(newest(Int64(limit) + 1))
            }
        let sums = try rows.map(StoredSum.init(row:))
        return (Array(sums.prefix(limit)), sums.count <= limit)
    }

    /// What sold best from `first` until `now`.
    static func best(
        from first: SalesWindow, until now: Timestamp, limit: Int, in pool: PostgresPool
    ) async throws -> [BestSellerView] {
        try await pool.query(best(first.start, now, Int64(limit))).map(BestSellerView.init(row:))
    }
}

extension StoredSum {
    fileprivate init(row: PostgresRow) throws {
        self.init(
            window: SalesWindow(containing: try row.timestamp(0)), sku: try row.string(1),
            units: try row.int64(2), orders: try row.int64(3), version: try row.int64(4))
    }
}
