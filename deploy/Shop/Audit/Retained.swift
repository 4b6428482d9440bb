import Kernel
import Postgres

/// How far back the outboxes still have their events: what is older was dropped once it was published.
enum Retained {
    /// Transactions that ran at once may have written up to this much apart.
    private static let margin = "interval '10 minutes'"

    /// SQL for the moment after which none of these services has dropped an event.
    static func since(_ services: [String]) -> String {
        let dropped = services.map { "SELECT newest FROM \($0).outbox_dropped" }.joined(
            separator: " UNION ALL ")
        return "(SELECT coalesce(max(newest) + \(margin), '-infinity') FROM (\(dropped)) AS gone)"
    }

    /// The moment after which the service, in whose schema the connection looks, has dropped no event.
    static func since(_ connection: PostgresConnection) async throws -> Timestamp? {
        try await connection.query(
            PostgresStatement.once("SELECT max(newest) + \(margin) FROM outbox_dropped")()
        ).first?.optionalTimestamp(0)
    }
}

extension Identifier {
    /// Whether the moment in an identifier of version 7 is before another.
    func isMade(before time: Timestamp) -> Bool { Int64(high >> 16) < time.unixMilliseconds }
}
