import Postgres

/// S7: the events of each order are a path through the dance.
enum PathCheck {
    static let says = "the events of each order are a path of the dance"

    /// All orders in a few rows: those with the same events are counted together.
    private static let paths = PostgresStatement.once(
        """
        SELECT orders, inventory, payments, count(*), min(key)
        FROM (
            SELECT key, coalesce(string_agg(word, ' ' ORDER BY seq) FILTER (WHERE publisher = 'orders'), '') AS orders,
                coalesce(string_agg(word, ' ' ORDER BY seq) FILTER (WHERE publisher = 'inventory'), '') AS inventory,
                coalesce(string_agg(word, ' ' ORDER BY seq) FILTER (WHERE publisher = 'payments'), '') AS payments
            FROM (
                SELECT key, seq, split_part(topic, '.', 1) AS publisher, split_part(topic, '.', 2) AS word
                FROM (
                    SELECT key, seq, topic FROM orders.outbox
                    UNION ALL SELECT key, seq, topic FROM inventory.outbox
                    UNION ALL SELECT key, seq, topic FROM payments.outbox
                ) AS event
            ) AS event
            WHERE word NOT IN ('stock', 'deadLetters')
            GROUP BY key
        ) AS path
        LEFT JOIN orders.orders AS placed ON placed.id::text = key
        WHERE placed.id IS NULL OR placed.created_at > \(Retained.since(["orders", "inventory", "payments"]))
        GROUP BY orders, inventory, payments
        """)

    static func find(atRest: Bool, on connection: PostgresConnection) async throws -> Finding {
        var violations = Violations()
        for row in try await connection.query(paths()) {
            let path = OrderPath(
                orders: try row.string(0), inventory: try row.string(1), payments: try row.string(2))
            guard let fault = path.fault(atRest: atRest) else { continue }
            let (count, key) = (try row.int64(3), try row.string(4))
            violations.add("order \(key)\(count > 1 ? " and \(count - 1) more" : ""): \(fault)", count: count)
        }
        return violations.finding("S7", says)
    }
}

/// What must be true of every outbox: the rest of S7, and H3 where it begins.
let outboxChecks: [AuditCheck] =
    [
        AuditCheck(
            name: "S7", says: "the event that caused another is in an outbox as well",
            sql: """
                WITH event AS (\(Shop.services.map { "SELECT event_id, causation_id, topic, key FROM \($0).outbox" }
                .joined(separator: " UNION ALL ")))
                SELECT format('%s %s', topic, event_id) FROM event WHERE causation_id IS NOT NULL
                    AND NOT EXISTS (SELECT FROM event AS cause WHERE cause.event_id = event.causation_id)
                    AND NOT EXISTS (SELECT FROM orders.orders AS placed
                        WHERE placed.id::text = event.key AND placed.created_at <= \(Retained.since(Shop.services)))
                """)
    ]
    + Shop.services.map { service in
        AuditCheck(
            name: "H3", says: "the versions of a key rise in the outbox of \(service)",
            sql: """
                SELECT format('%s of %s: %s after %s', topic, key, version, before) FROM (
                    SELECT topic, key, version, lag(version) OVER (PARTITION BY key ORDER BY seq) AS before
                    FROM \(service).outbox WHERE topic <> '\(service).deadLetters'
                ) AS event WHERE version <= before
                """)
    }
