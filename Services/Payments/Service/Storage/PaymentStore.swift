import Kernel
import PaymentsDomain
import Postgres

/// A payment as it is stored.
struct StoredPayment: Sendable {
    let orderID: Identifier
    var state: Payment
    /// The gateway's word for a refusal.
    var reason: String?
    var version: Int64
}

/// Rows of `payment`.
enum PaymentStore {
    private static let insert = PostgresStatement(
        "payment.insert",
        """
        INSERT INTO payment (order_id, amount, currency, token, status, created_at, updated_at)
        SELECT unnest($1::uuid[]), unnest($2::bigint[]), unnest($3::text[]), unnest($4::text[]), unnest($5::text[]),
            $6, $6
        ON CONFLICT (order_id) DO NOTHING RETURNING order_id
        """)

    private static let columns = "order_id, amount, currency, token, status, reason, version"

    private static let lock = PostgresStatement(
        "payment.lock",
        "SELECT \(columns) FROM payment WHERE order_id = ANY ($1) ORDER BY order_id FOR NO KEY UPDATE")

    private static let find = PostgresStatement(
        "payment.find", "SELECT \(columns) FROM payment WHERE order_id = $1")

    private static let update = PostgresStatement(
        "payment.update",
        """
        UPDATE payment SET status = changed.status, reason = changed.reason, version = changed.version,
            updated_at = $5
        FROM (
            SELECT unnest($1::uuid[]) AS order_id, unnest($2::text[]) AS status, unnest($3::text[]) AS reason,
                unnest($4::bigint[]) AS version
        ) AS changed
        WHERE payment.order_id = changed.order_id
        """)

    /// Inserts first rows, all of version 1, and says of which orders there were none yet; the others are
    /// left alone.
    ///
    /// In the order of their ids, so that two batches which insert the same can't wait for each other. Where
    /// another transaction is inserting one of them, this waits for its end.
    static func insert(
        _ payments: [StoredPayment], at time: Timestamp, in transaction: PostgresTransaction
    ) async throws -> Set<Identifier> {
        guard !payments.isEmpty else { return [] }
        let sorted = payments.sorted { $0.orderID < $1.orderID }
        let charges = sorted.map(\.state.charge)
        let result = try await transaction.query(
            insert(
                sorted.map(\.orderID), charges.map { $0?.amount.amount },
                charges.map { $0?.amount.currency.code },
                charges.map { $0?.token }, sorted.map(\.state.status.rawValue), time))
        return Set(try result.map { try $0.identifier(0) })
    }

    /// Locks payments in the order of their ids, whoever locks, so that two batches can't wait for each
    /// other.
    static func lock(
        _ orders: some Collection<Identifier>, in transaction: PostgresTransaction
    ) async throws -> [Identifier: StoredPayment] {
        guard !orders.isEmpty else { return [:] }
        let result = try await transaction.query(lock(Array(orders)))
        var payments: [Identifier: StoredPayment] = [:]
        payments.reserveCapacity(result.rowCount)
        for row in result {
            let payment = try StoredPayment(row: row)
            payments[payment.orderID] = payment
        }
        return payments
    }

    static func update(_ payments: [StoredPayment], at time: Timestamp, in transaction: PostgresTransaction) {
        guard !payments.isEmpty else { return }
        transaction.enqueue(
            update(
                payments.map(\.orderID), payments.map(\.state.status.rawValue), payments.map(\.reason),
                payments.map(\.version), time))
    }

    static func find(_ order: Identifier, in pool: PostgresPool) async throws -> StoredPayment? {
        try await pool.query(find(order)).first.map(StoredPayment.init(row:))
    }
}

extension Charge {
    /// Reads the amount, the currency and the token at `column` and after; nil where they are null.
    init?(row: PostgresRow, column: Int) throws {
        guard let amount = try row.optionalInt64(column),
            let currency = try row.optionalString(column + 1).flatMap({ Currency($0) }),
            let token = try row.optionalString(column + 2)
        else { return nil }
        self.init(amount: Money(amount: amount, currency: currency), token: token)
    }
}

extension StoredPayment {
    fileprivate init(row: PostgresRow) throws {
        let id = try row.identifier(0)
        guard let status = PaymentStatus(rawValue: try row.string(4)),
            let state = Payment(status: status, charge: try Charge(row: row, column: 1))
        else { throw StoredPaymentError(orderID: id) }
        self.init(orderID: id, state: state, reason: try row.optionalString(5), version: try row.int64(6))
    }
}

/// A row holds what no decider wrote: somebody changed it by hand.
///
/// Nothing is done to the payment.
struct StoredPaymentError: Error, CustomStringConvertible {
    let orderID: Identifier
    var description: String { "the payment of order \(orderID) contradicts itself" }
}
