import Kernel
import PaymentsDomain
import Postgres

/// Rows of `posting`, of which the view `ledger_entry` makes the ledger.
///
/// They are only ever added.
enum LedgerStore {
    private static let post = PostgresStatement(
        "posting.insert",
        """
        INSERT INTO posting (order_id, kind, amount, currency, at)
        SELECT unnest($1::uuid[]), unnest($2::text[]), unnest($3::bigint[]), unnest($4::text[]), $5
        """)

    /// - Parameter postings: each order's capture before its refund.
    static func post(
        _ postings: [(orderID: Identifier, posting: Posting)], at time: Timestamp,
        in transaction: PostgresTransaction
    ) {
        guard !postings.isEmpty else { return }
        transaction.enqueue(
            post(
                postings.map(\.orderID), postings.map(\.posting.kind.rawValue),
                postings.map(\.posting.amount.amount), postings.map(\.posting.amount.currency.code), time))
    }
}
