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
enum MailStore {
    /// Takes over what is due, $2 of them, until $3: who crashes with a lease leaves it to the next after that time.
    ///
    /// SKIP LOCKED lets two instances share the work and would mix up the order of messages; but of an order only the
    /// oldest pending one is ever due, so its customer hears things in the order they happened.
    private static let lease = PostgresStatement(
        "mail.lease",
        """
        WITH due AS MATERIALIZED (
            SELECT order_id, kind FROM message
            WHERE status = 'pending' AND next_attempt_at <= $1 AND NOT EXISTS (
                SELECT FROM message AS earlier WHERE earlier.order_id = message.order_id
                    AND earlier.status = 'pending' AND earlier.version < message.version)
            ORDER BY next_attempt_at LIMIT $2 FOR UPDATE SKIP LOCKED)
        UPDATE message SET attempts = attempts + 1, next_attempt_at = $3
        FROM due WHERE message.order_id = due.order_id AND message.kind = due.kind
        RETURNING message.order_id, message.kind, customer_id, email, text, created_at, version, attempts,
            refusals
        """)

    private static let sent = PostgresStatement(
        "mail.sent",
        """
        UPDATE message SET status = 'sent', sent_at = $3 WHERE order_id = $1 AND kind = $2 AND status = 'pending'
        """)

    private static let postpone = PostgresStatement(
        "mail.postpone",
        """
        UPDATE message SET next_attempt_at = $3, refusals = $4
        WHERE order_id = $1 AND kind = $2 AND status = 'pending'
        """)

    private static let refuse = PostgresStatement(
        "mail.refuse",
        "UPDATE message SET status = 'refused' WHERE order_id = $1 AND kind = $2 AND status = 'pending'")

    /// Leases up to `limit` mails that are due at `time`.
    static func lease(
        at time: Timestamp, limit: Int, until end: Timestamp, in pool: PostgresPool
    ) async throws -> [PendingMail] {
        try await pool.query(lease(time, Int64(limit), end)).map(PendingMail.init(row:))
    }

    /// Says that a mail is out; false if another instance, whose lease came later, said so before.
    static func markSent(
        _ mail: PendingMail, at time: Timestamp, in transaction: PostgresTransaction
    ) async throws -> Bool {
        try await transaction.query(sent(mail.orderID, mail.kind.rawValue, time)).affectedRows == 1
    }

    /// Gives the lease back: not before `time`, and with so many refusals by now.
    static func postpone(
        _ mail: PendingMail, until time: Timestamp, refusals: Int, in pool: PostgresPool
    ) async throws {
        try await pool.query(
            postpone(mail.orderID, mail.kind.rawValue, time, Int32(clamping: refusals)))
    }

    /// Gives up on a mail that no server will take.
    static func refuse(_ mail: PendingMail, in pool: PostgresPool) async throws {
        try await pool.query(refuse(mail.orderID, mail.kind.rawValue))
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
