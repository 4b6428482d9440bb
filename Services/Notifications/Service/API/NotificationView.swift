import Kernel
import Postgres

/// A message as clients see it.
struct NotificationView: Encodable, Sendable {
    let orderId: Identifier
    let customerId: String
    let kind: String
    let text: String
    let createdAt: Timestamp
    /// Missing while its mail has not been taken.
    let sentAt: Timestamp?

    init(row: PostgresRow) throws {
        orderId = try row.identifier(0)
        customerId = try row.string(1)
        kind = try row.string(2)
        text = try row.string(3)
        createdAt = try row.timestamp(4)
        sentAt = try row.optionalTimestamp(5)
    }
}

/// All messages about one order.
struct NotificationList: Encodable, Sendable {
    let notifications: [NotificationView]
}
