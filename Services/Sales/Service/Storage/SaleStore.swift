import Kernel
import Postgres
import SalesDomain

/// What is known of an order, as it is stored or will be.
struct StoredSale: Sendable {
    let orderID: Identifier
    var state: Sale
    let isNew: Bool

    /// Of an order that was not heard of yet.
    static func unknown(_ orderID: Identifier) -> StoredSale {
        StoredSale(orderID: orderID, state: .none, isNew: true)
    }
}

/// Rows of `sale`.
enum SaleStore {
    private static let lockRows = PostgresStatement(
        "sale.lock",
        """
        SELECT order_id, status, skus, quantities, confirmed_at
        FROM sale WHERE order_id = ANY ($1) ORDER BY order_id FOR NO KEY UPDATE
        """)

    /// Without ON CONFLICT on purpose.
    ///
    /// Should another transaction have made one of the rows since we looked, all that was decided here is wrong. The
    /// violation undoes it, and the batch is decided again by what is there then.
    private static let insert = PostgresStatement(
        "sale.insert",
        """
        INSERT INTO sale (order_id, status, skus, quantities, confirmed_at, updated_at)
        SELECT order_id, status, coalesce(skus, '{}'), coalesce(quantities, '{}'), confirmed_at, $7
        FROM (
            SELECT unnest($1::uuid[]) AS order_id, unnest($2::text[]) AS status,
                unnest($3::timestamptz[]) AS confirmed_at
        ) AS made
        LEFT JOIN (
            SELECT order_id, array_agg(sku) AS skus, array_agg(quantity) AS quantities
            FROM (
                SELECT unnest($4::uuid[]) AS order_id, unnest($5::text[]) AS sku, unnest($6::bigint[]) AS quantity
            ) AS line
            GROUP BY order_id
        ) AS lines USING (order_id)
        """)

    /// Whatever a row comes to, nothing waits in it any more.
    private static let update = PostgresStatement(
        "sale.update",
        """
        UPDATE sale SET status = changed.status, confirmed_at = changed.confirmed_at, updated_at = $4, skus = '{}',
            quantities = '{}'
        FROM (
            SELECT unnest($1::uuid[]) AS order_id, unnest($2::text[]) AS status,
                unnest($3::timestamptz[]) AS confirmed_at
        ) AS changed
        WHERE sale.order_id = changed.order_id
        """)

    /// Locks what is known of these orders in the order of their ids, whoever locks.
    static func lock(
        _ orderIDs: Set<Identifier>, in transaction: PostgresTransaction
    ) async throws -> [Identifier: StoredSale] {
        var sales: [Identifier: StoredSale] = [:]
        for row in try await transaction.query(lockRows(Array(orderIDs))) {
            let sale = try StoredSale(row: row)
            sales[sale.orderID] = sale
        }
        return sales
    }

    /// Writes what has changed: new rows and old ones, each in one statement.
    static func write(_ sales: [StoredSale], at time: Timestamp, in transaction: PostgresTransaction) {
        let made = sales.filter(\.isNew)
        if !made.isEmpty {
            let waiting = made.flatMap { sale in sale.state.lines.map { (sale.orderID, $0) } }
            transaction.enqueue(
                insert(
                    made.map(\.orderID), made.map(\.state.status.rawValue), made.map(\.state.confirmedAt),
                    waiting.map(\.0), waiting.map(\.1.sku), waiting.map(\.1.quantity), time))
        }
        let changed = sales.filter { !$0.isNew }
        if !changed.isEmpty {
            transaction.enqueue(
                update(
                    changed.map(\.orderID), changed.map(\.state.status.rawValue),
                    changed.map(\.state.confirmedAt), time))
        }
    }
}

extension Sale {
    fileprivate var lines: [SaleLine] {
        if case .placed(let lines) = self { lines } else { [] }
    }

    fileprivate var confirmedAt: Timestamp? {
        switch self {
        case .confirmed(let time), .counted(let time): time
        case .none, .placed, .cancelled: nil
        }
    }
}

extension StoredSale {
    fileprivate init(row: PostgresRow) throws {
        let orderID = try row.identifier(0)
        let time = try row.optionalTimestamp(4)
        let state: Sale? =
            switch (SaleStatus(rawValue: try row.string(1)), time) {
            case (.placed, nil):
                .placed(
                    zip(try row.stringArray(2), try row.int64Array(3)).map { SaleLine(sku: $0, quantity: $1) }
                )
            case (.confirmed, let time?): .confirmed(time)
            case (.counted, let time?): .counted(time)
            case (.cancelled, nil): .cancelled
            default: nil
            }
        guard let state else { throw StoredSaleError(orderID: orderID) }
        self.init(orderID: orderID, state: state, isNew: false)
    }
}

/// A row has a status no decider wrote: somebody changed it by hand.
///
/// Nothing is counted of the order.
struct StoredSaleError: Error, CustomStringConvertible {
    let orderID: Identifier
    var description: String { "the sale of order \(orderID) has a status this build doesn't know" }
}
