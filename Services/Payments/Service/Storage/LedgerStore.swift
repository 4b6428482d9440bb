import Kernel
import PaymentsDomain
import Postgres

/// Rows of `ledger_entry`, which are only ever added.
enum LedgerStore {
    private static let append = PostgresStatement(
        "ledger_entry.append",
        """
        INSERT INTO ledger_entry (order_id, kind, account, amount, currency, at)
        SELECT *, $6 FROM unnest($1::uuid[], $2::text[], $3::text[], $4::bigint[], $5::text[])
        """)

    private static let read = PostgresStatement(
        "ledger_entry.read",
        "SELECT order_id, kind, account, amount, currency FROM ledger_entry WHERE order_id = ANY ($1) ORDER BY id"
    )

    static func append(_ entries: [LedgerEntry], at time: Timestamp, in transaction: PostgresTransaction) {
        guard !entries.isEmpty else { return }
        transaction.enqueue(
            append(
                entries.map(\.orderId), entries.map(\.kind.rawValue), entries.map(\.account.rawValue),
                entries.map(\.amount.amount), entries.map(\.amount.currency.code), time))
    }

    /// The entries of some orders in the order they were appended, for `Ledger.replay`.
    static func read(_ orders: [Identifier], in pool: PostgresPool) async throws -> [LedgerEntry] {
        try await pool.query(read(orders)).map { row in
            let id = try row.identifier(0)
            guard let kind = Posting.Kind(rawValue: try row.string(1)),
                let account = LedgerEntry.Account(rawValue: try row.string(2)),
                let currency = Currency(try row.string(4))
            else { throw StoredPaymentError(orderID: id) }
            return LedgerEntry(
                orderId: id, kind: kind, account: account,
                amount: Money(amount: try row.int64(3), currency: currency))
        }
    }
}
