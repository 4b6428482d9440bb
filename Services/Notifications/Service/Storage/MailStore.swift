import Kernel
import NotificationsDomain
import Postgres

/// A message on its way by mail.
struct PendingMail: Sendable {
    let orderID: Identifier
    let kind: NoticeKind
    let customerID: String
    let address: String
    let text: String
    let createdAt: Timestamp
    let version: Int64
    /// How often it was tried, this time included.
    let attempt: Int
    /// How often a mail server has said "never" to it before.
    let refusals: Int
}

/// Rows of `message` that wait for the mail server.
///
/// Of an order only the oldest pending one is ever leased, so its customer hears things in the order they were written. The
/// others are due no sooner than it: one that was due and had to wait would stand at the head of the index, where each
/// lease walks over it, and after an outage there are as many of those as orders. So whoever puts off the oldest puts
/// off all, what is written later waits for those before it (`MessageStore.insert`), and whoever is done with the oldest
/// calls the others. All of them hold the order's lock. Only while a mail is on its way may the next be due.
///
/// Rows of one order are asked for by `NOT IN ('sent', 'refused')`, which says the same as `= 'pending'` and can't be
/// answered by the index of pending rows: on statistics from before an outage that looks empty, and is read whole.
enum MailStore {
    /// Takes over what is due, $2 of them, until $3: who crashes with a lease leaves it to the next after that time.
    ///
    /// SKIP LOCKED lets two instances share the work. The oldest of an order is found by a subquery that yields a value,
    /// since a NOT EXISTS may be planned as a join with all that is pending.
    private static let lease = PostgresStatement(
        "mail.lease",
        """
        WITH due AS MATERIALIZED (
            SELECT order_id, kind FROM message
            WHERE status = 'pending' AND next_attempt_at <= $1 AND version = (
                SELECT min(one.version) FROM message AS one
                WHERE one.order_id = message.order_id AND one.status NOT IN ('sent', 'refused'))
            ORDER BY next_attempt_at LIMIT $2 FOR UPDATE SKIP LOCKED)
        UPDATE message SET attempts = attempts + 1, next_attempt_at = $3
        FROM due WHERE message.order_id = due.order_id AND message.kind = due.kind
        RETURNING message.order_id, message.kind, customer_id, email, text, created_at, version, attempts,
            refusals
        """)

    private static let postpone = PostgresStatement(
        "mail.postpone",
        """
        WITH oldest AS (
            UPDATE message SET next_attempt_at = $3, refusals = $4
            WHERE order_id = $1 AND kind = $2 AND status NOT IN ('sent', 'refused') RETURNING order_id, version)
        UPDATE message SET next_attempt_at = $3 FROM oldest
        WHERE message.order_id = oldest.order_id AND message.version > oldest.version
            AND status NOT IN ('sent', 'refused')
        """)

    private static let end = PostgresStatement(
        "mail.end",
        """
        WITH oldest AS (
            UPDATE message SET status = $3, sent_at = CASE WHEN $3 = 'sent' THEN $4::timestamptz END
            WHERE order_id = $1 AND kind = $2 AND status NOT IN ('sent', 'refused') RETURNING order_id, version
        ), called AS (
            UPDATE message SET next_attempt_at = $4 FROM oldest
            WHERE message.order_id = oldest.order_id AND message.version > oldest.version
                AND status NOT IN ('sent', 'refused') AND next_attempt_at > $4)
        SELECT FROM oldest
        """)

    /// Leases up to `limit` mails that are due at `time`.
    static func lease(
        at time: Timestamp, limit: Int, until end: Timestamp, in pool: PostgresPool
    ) async throws -> [PendingMail] {
        try await pool.query(lease(time, Int64(limit), end)).map(PendingMail.init(row:))
    }

    /// Says that a mail is out, and calls the next; false if another instance, whose lease came later, did so before.
    static func markSent(
        _ mail: PendingMail, at time: Timestamp, in transaction: PostgresTransaction
    ) async throws -> Bool {
        try await transaction.pipeline([
            MessageStore.lock([mail.orderID]), end(mail.orderID, mail.kind.rawValue, "sent", time),
        ])[1].affectedRows == 1
    }

    /// Gives the lease back: not before `time`, nor any later mail of the order, and with so many refusals by now.
    static func postpone(
        _ mail: PendingMail, until time: Timestamp, refusals: Int, in pool: PostgresPool
    ) async throws {
        try await pool.pipeline([
            MessageStore.lock([mail.orderID]),
            postpone(mail.orderID, mail.kind.rawValue, time, Int32(clamping: refusals)),
        ])
    }

    /// Gives up on a mail that no server will take, and calls the next.
    static func refuse(_ mail: PendingMail, at time: Timestamp, in pool: PostgresPool) async throws {
        try await pool.pipeline([
            MessageStore.lock([mail.orderID]), end(mail.orderID, mail.kind.rawValue, "refused", time),
        ])
    }
}

extension PendingMail {
    fileprivate init(row: PostgresRow) throws {
        let orderID = try row.identifier(0)
        guard let kind = NoticeKind(rawValue: try row.string(1)) else {
            throw StoredMessageError(orderID: orderID)
        }
        self.init(
            orderID: orderID, kind: kind, customerID: try row.string(2), address: try row.string(3),
            text: try row.string(4), createdAt: try row.timestamp(5), version: try row.int64(6),
            attempt: Int(try row.int32(7)), refusals: Int(try row.int32(8)))
    }
}
