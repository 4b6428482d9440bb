import Contracts
import Kernel
import OrdersDomain
import Postgres

/// An order as it is stored.
struct StoredOrder: Sendable {
    let id: Identifier
    let customerID: String
    let email: String?
    let total: Money
    var state: OrderState
    var version: Int64
    let createdAt: Timestamp
}

/// Rows of `orders`: locking and changing them.
///
/// What clients read is in `OrderQueries`.
enum OrderStore {
    private static let insert = PostgresStatement(
        "orders.insert",
        """
        INSERT INTO orders
            (id, customer_id, email, lines, total_amount, currency, created_at, updated_at, deadline)
        SELECT id, customer_id, email, created::jsonb -> 'lines', total_amount, currency, created_at, created_at,
            deadline
        FROM (
            SELECT unnest($1::uuid[]) AS id, unnest($2::text[]) AS customer_id, unnest($3::text[]) AS email,
                unnest($4::text[]) AS created, unnest($5::bigint[]) AS total_amount, unnest($6::text[]) AS currency,
                unnest($7::timestamptz[]) AS created_at, unnest($8::timestamptz[]) AS deadline
        ) AS placed
        """)

    private static let lock = PostgresStatement(
        "orders.lock",
        """
        SELECT id, customer_id, email, total_amount, currency, stock, money, cancelled_by, version, created_at
        FROM orders WHERE id = ANY ($1) ORDER BY id FOR NO KEY UPDATE
        """)

    /// Orders past their deadline, those that have ended too: the status changes, so no index has it.
    private static let overdue = PostgresStatement(
        "orders.overdue",
        """
        SELECT id, deadline, status = 'pending' FROM orders
        WHERE (deadline, id) > ($1, $2) AND deadline <= $3 ORDER BY deadline, id LIMIT $4
        """)

    private static let sweptUpTo = PostgresStatement(
        "deadline_sweep.read", "SELECT deadline FROM deadline_sweep")

    /// Only forward: of several instances the one that came furthest counts.
    private static let noteSwept = PostgresStatement(
        "deadline_sweep.note", "UPDATE deadline_sweep SET deadline = $1 WHERE deadline < $1")

    private static let update = PostgresStatement(
        "orders.update",
        """
        UPDATE orders SET stock = changed.stock, money = changed.money, cancelled_by = changed.cancelled_by,
            status = changed.status, reason = changed.reason, version = changed.version, updated_at = $8
        FROM (
            SELECT unnest($1::uuid[]) AS id, unnest($2::text[]) AS stock, unnest($3::text[]) AS money,
                unnest($4::text[]) AS cancelled_by, unnest($5::text[]) AS status, unnest($6::text[]) AS reason,
                unnest($7::bigint[]) AS version
        ) AS changed
        WHERE orders.id = changed.id
        """)

    /// A new order with its price, as it goes into a row.
    struct Placed: Sendable {
        let id: Identifier
        let draft: OrderDraft
        let priced: PricedOrder
        /// The JSON of its `orders.created`, of which the row keeps the priced lines.
        let created: String
        let createdAt: Timestamp
        let deadline: Timestamp
    }

    static func insert(_ orders: [Placed], in transaction: PostgresTransaction) {
        guard !orders.isEmpty else { return }
        transaction.enqueue(
            insert(
                orders.map(\.id), orders.map(\.draft.customerId), orders.map(\.draft.email),
                orders.map(\.created),
                orders.map(\.priced.total.amount), orders.map(\.priced.total.currency.code),
                orders.map(\.createdAt), orders.map(\.deadline)))
    }

    /// Locks the orders in the order of their ids, whoever locks, so that two batches can't wait for each other.
    static func lock(
        _ ids: some Collection<Identifier>, in transaction: PostgresTransaction
    ) async throws -> [Identifier: StoredOrder] {
        let result = try await transaction.query(lock(Array(ids)))
        var orders: [Identifier: StoredOrder] = [:]
        orders.reserveCapacity(result.rowCount)
        for row in result {
            let order = try StoredOrder(row: row)
            orders[order.id] = order
        }
        return orders
    }

    static func update(
        _ orders: [StoredOrder], at time: Timestamp, in transaction: PostgresTransaction
    ) {
        guard !orders.isEmpty else { return }
        transaction.enqueue(
            update(
                orders.map(\.id), orders.map(\.state.stock.rawValue), orders.map(\.state.money.rawValue),
                orders.map { $0.state.cancellation?.rawValue }, orders.map(\.state.status.rawValue),
                orders.map { $0.state.reason?.rawValue }, orders.map(\.version), time))
    }

    /// Where the sweep for overdue orders stands: everything up to here has ended or been cancelled.
    struct SweepPosition: Sendable {
        var deadline: Timestamp
        var id = Identifier(high: 0, low: 0)
    }

    /// The deadline up to which an earlier sweep, of any instance, is known to have come.
    static func sweptUpTo(in pool: PostgresPool) async throws -> Timestamp {
        try await pool.query(sweptUpTo()).first?.timestamp(0) ?? Timestamp(unixMicroseconds: 0)
    }

    /// Writes that down, for whoever sweeps next.
    static func noteSwept(upTo deadline: Timestamp, in pool: PostgresPool) async throws {
        try await pool.query(noteSwept(deadline))
    }

    /// The next orders past their deadline after `position`, and which of them are still pending.
    static func overdue(
        after position: SweepPosition, at time: Timestamp, limit: Int, in pool: PostgresPool
    ) async throws -> [(id: Identifier, deadline: Timestamp, isPending: Bool)] {
        let result = try await pool.query(overdue(position.deadline, position.id, time, Int64(limit)))
        return try result.map { (try $0.identifier(0), try $0.timestamp(1), try $0.bool(2)) }
    }
}

extension StoredOrder {
    fileprivate init(row: PostgresRow) throws {
        let stock = StockFact(rawValue: try row.string(5))
        let money = MoneyFact(rawValue: try row.string(6))
        let cancellation = try row.optionalString(7).flatMap(Canceller.init(rawValue:))
        guard let stock, let money, let currency = Currency(try row.string(4)),
            let state = OrderState(stock: stock, money: money, cancellation: cancellation)
        else { throw StoredOrderError(id: try row.identifier(0)) }
        self.init(
            id: try row.identifier(0), customerID: try row.string(1), email: try row.optionalString(2),
            total: Money(amount: try row.int64(3), currency: currency), state: state,
            version: try row.int64(8),
            createdAt: try row.timestamp(9))
    }
}

/// A row holds facts no decider wrote: somebody changed it by hand.
///
/// Nothing is done to the order.
struct StoredOrderError: Error, CustomStringConvertible {
    let id: Identifier
    var description: String { "the row of order \(id) has facts that contradict each other" }
}
