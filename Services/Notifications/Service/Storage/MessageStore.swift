import Kernel
import NotificationsDomain
import Postgres

/// A message to a customer, about to be stored.
struct NewMessage: Sendable {
    let orderID: Identifier
    let customerID: String
    let email: String?
    let notice: Notice
    /// Counts the messages about the order.
    let version: Int64
    /// Whether it goes by mail; if not, it counts as told once it is stored.
    let byMail: Bool
}

/// Rows of `message`: what is told, each once.
///
/// Those on their way by mail are in `MailStore`.
enum MessageStore {
    /// Holds orders until the transaction ends; given in the order of their ids, so that two never wait for each other.
    static let lock = PostgresStatement(
        "message.lock",
        "SELECT pg_advisory_xact_lock(uuid_hash_extended(id, 0)) FROM unnest($1::uuid[]) AS id")

    private static let told = PostgresStatement(
        "message.told", "SELECT order_id, kind FROM message WHERE order_id = ANY ($1)")

    /// Without ON CONFLICT on purpose.
    ///
    /// Should another transaction have told one of them since we looked, the violation undoes this one, and the batch
    /// is decided again by what is there then. A mail is due no sooner than those of its order before it; see
    /// `MailStore`, also for NOT IN.
    private static let insert = PostgresStatement(
        "message.insert",
        """
        INSERT INTO message (order_id, kind, customer_id, email, text, status, version, next_attempt_at,
            created_at, sent_at)
        SELECT order_id, kind, customer_id, email, text, CASE WHEN by_mail THEN 'pending' ELSE 'sent' END, version,
            CASE WHEN by_mail THEN greatest($8::timestamptz, (
                SELECT max(earlier.next_attempt_at) FROM message AS earlier
                WHERE earlier.order_id = new.order_id AND earlier.status NOT IN ('sent', 'refused'))) END,
            $8, CASE WHEN NOT by_mail THEN $8::timestamptz END
        FROM (
            SELECT unnest($1::uuid[]) AS order_id, unnest($2::text[]) AS kind, unnest($3::text[]) AS customer_id,
                unnest($4::text[]) AS email, unnest($5::text[]) AS text, unnest($6::boolean[]) AS by_mail,
                unnest($7::bigint[]) AS version
        ) AS new
        """)

    private static let list = PostgresStatement(
        "message.list",
        """
        SELECT order_id, customer_id, kind, text, created_at, sent_at FROM message
        WHERE order_id = $1 ORDER BY version
        """)

    /// The kinds that are written down for these orders already.
    ///
    /// Locks the orders until the transaction ends, in the order of their ids: two that tell different things of one
    /// order, as the consumer and a dead letter's retry may, don't meet at any key and would count alike.
    static func told(
        _ orderIDs: Set<Identifier>, in transaction: PostgresTransaction
    ) async throws -> [Identifier: Set<NoticeKind>] {
        let sorted = orderIDs.sorted()
        // Two statements, since what the others have told is seen by one that begins after they are through.
        let result = try await transaction.pipeline([lock(sorted), told(sorted)])[1]
        var told: [Identifier: Set<NoticeKind>] = [:]
        for row in result {
            let id = try row.identifier(0)
            guard let kind = NoticeKind(rawValue: try row.string(1)) else {
                throw StoredMessageError(orderID: id)
            }
            told[id, default: []].insert(kind)
        }
        return told
    }

    static func insert(_ messages: [NewMessage], at time: Timestamp, in transaction: PostgresTransaction) {
        guard !messages.isEmpty else { return }
        transaction.enqueue(
            insert(
                messages.map(\.orderID), messages.map(\.notice.kind.rawValue), messages.map(\.customerID),
                messages.map(\.email), messages.map(\.notice.text), messages.map(\.byMail),
                messages.map(\.version), time))
    }

    /// What a customer was or will be told about an order, oldest first.
    static func list(of orderID: Identifier, in pool: PostgresPool) async throws -> [NotificationView] {
        try await pool.query(list(orderID)).map(NotificationView.init(row:))
    }
}

/// A row has a kind no decider wrote: somebody changed it by hand.
///
/// Nothing is told about the order.
struct StoredMessageError: Error, CustomStringConvertible {
    let orderID: Identifier
    var description: String { "a message about order \(orderID) has a kind this build doesn't know" }
}
