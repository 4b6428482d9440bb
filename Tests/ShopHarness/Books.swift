package import Kernel
package import Postgres

/// What stands in the shop's tables, read as the administrator, who sees all schemas.
package struct Books: Sendable {
    package let pool: PostgresPool

    /// The first column of the first row.
    package func number(_ sql: String, _ order: Identifier? = nil) async throws -> Int64 {
        try await rows(sql, order)[0].int64(0)
    }

    /// The first column of all rows.
    package func texts(_ sql: String, _ order: Identifier? = nil) async throws -> [String] {
        try await rows(sql, order).map { try $0.string(0) }
    }

    /// SQL that changes something.
    package func run(_ sql: String) async throws { _ = try await rows(sql, nil) }

    private func rows(_ sql: String, _ order: Identifier?) async throws -> PostgresResult {
        let statement = PostgresStatement.once(sql)
        return try await pool.query(order.map { statement($0) } ?? statement())
    }

    package struct Stock: Equatable, Sendable {
        package var available: Int64
        package var reserved: Int64 = 0
        package var sold: Int64 = 0

        package init(available: Int64, reserved: Int64 = 0, sold: Int64 = 0) {
            self.available = available
            self.reserved = reserved
            self.sold = sold
        }
    }

    package func stock(_ sku: String) async throws -> Stock {
        let statement = PostgresStatement.once(
            "SELECT available, reserved, sold FROM inventory.product WHERE sku = $1")
        let row = try await pool.query(statement(sku))[0]
        return Stock(available: try row.int64(0), reserved: try row.int64(1), sold: try row.int64(2))
    }

    /// Money that moved for an order, in our ledger and in the gateway's own.
    package struct Money: Equatable, Sendable {
        package var captured: Int64 = 0
        package var refunded: Int64 = 0

        package init(captured: Int64 = 0, refunded: Int64 = 0) {
            self.captured = captured
            self.refunded = refunded
        }
    }

    package func ledger(_ order: Identifier) async throws -> Money {
        let posted = "SELECT coalesce(sum(abs(amount)), 0)::bigint FROM payments.ledger_entry"
        let of = "WHERE order_id = $1 AND account = 'gateway' AND kind ="
        return Money(
            captured: try await number("\(posted) \(of) 'capture'", order),
            refunded: try await number("\(posted) \(of) 'refund'", order))
    }

    package func gateway(_ order: Identifier) async throws -> Money {
        Money(
            captured: try await number(
                """
                SELECT coalesce(sum(amount), 0)::bigint FROM gateway.charge
                WHERE order_id = $1 AND state = 'captured'
                """, order),
            refunded: try await number(
                """
                SELECT coalesce(sum(refund.amount), 0)::bigint
                FROM gateway.refund JOIN gateway.charge ON charge.key = charge_key WHERE order_id = $1
                """, order))
    }

    /// What is still under way; empty when every order has come to its end and all customers know.
    package func underWay() async throws -> [String] {
        try await texts(
            """
            SELECT 'order ' || id || ' is ' || status FROM orders.orders WHERE status IN ('pending', 'cancelling')
            UNION ALL
            SELECT 'stock for ' || order_id || ' is held' FROM inventory.reservation WHERE status = 'held'
            UNION ALL
            SELECT 'the payment of ' || order_id || ' is ' || status FROM payments.payment
            WHERE status IN ('requested', 'voiding', 'refunding')
            UNION ALL
            SELECT 'a ' || kind || ' of ' || order_id || ' is out' FROM payments.gateway_call
            UNION ALL
            SELECT 'nobody was told of ' || orders.id FROM orders.orders WHERE 2 > (
                SELECT count(*) FROM notifications.message
                WHERE order_id = orders.id AND kind IN ('order_received', 'order_' || orders.status))
            UNION ALL
            SELECT 'the sale of ' || orders.id || ' is ' || coalesce(sale.status, 'unheard of')
            FROM orders.orders LEFT JOIN sales.sale ON order_id = orders.id
            WHERE coalesce(sale.status, '') NOT IN ('counted', 'cancelled')
            """)
    }

    /// What must never be, in a shop with no order under way; empty when all is right.
    package func violations() async throws -> [String] {
        try await pool.transaction(isolation: .repeatableRead) { try await violations(in: $0) }
    }

    package func violations(in transaction: PostgresTransaction) async throws -> [String] {
        var found: [String] = []
        for (name, sql) in Self.rules {
            let select = "SELECT $rule$\(name): $rule$ || subject::text FROM (\(sql)) AS broken (subject)"
            found += try await transaction.query(PostgresStatement.once(select)()).map { try $0.string(0) }
        }
        return found
    }

    /// A fingerprint of each business table: the same rows give the same.
    ///
    /// Without what sales has told: the clock has it tell, whatever is heard.
    package func fingerprints() async throws -> [String: String] {
        let tables = try await texts(
            """
            SELECT schemaname || '.' || tablename FROM pg_tables
            WHERE schemaname IN ('orders', 'inventory', 'payments', 'notifications', 'sales', 'gateway')
                AND tablename NOT IN ('outbox_cursor', 'outbox_tick', 'outbox_dropped', 'consumer_offset', 'migration',
                    'deadline_sweep')
                AND NOT (schemaname = 'sales' AND tablename LIKE 'outbox%')
            ORDER BY 1
            """)
        var fingerprints: [String: String] = [:]
        for table in tables {
            let columns = table == "sales.sales_sum" ? "starts_at, sku, units, orders" : "*"
            fingerprints[table] = try await texts(
                "SELECT count(*) || ' rows ' || coalesce(md5(string_agg(t::text, ' ' ORDER BY t::text)), '')"
                    + " FROM (SELECT \(columns) FROM \(table)) AS t"
            ).first
        }
        return fingerprints
    }
}

extension Books {
    private static let rules = [
        (
            "S1 an order per key",
            """
            SELECT key FROM orders.idempotency_key LEFT JOIN orders.orders ON id = order_id WHERE id IS NULL
            UNION ALL
            SELECT id::text FROM orders.orders LEFT JOIN orders.idempotency_key ON id = order_id
            GROUP BY id HAVING count(key) <> 1
            """
        ),
        (
            "S3 stock adds up",
            """
            SELECT sku FROM inventory.product LEFT JOIN (
                SELECT line ->> 'sku' AS sold_sku, sum((line ->> 'quantity')::bigint) AS confirmed
                FROM orders.orders, jsonb_array_elements(lines) AS line WHERE status = 'confirmed' GROUP BY 1
            ) AS line ON sold_sku = sku
            WHERE reserved <> 0 OR sold <> coalesce(confirmed, 0) OR restocked <> available + reserved + sold
            """
        ),
        (
            "S4 stock is held as its order ended",
            """
            SELECT orders.id FROM orders.orders LEFT JOIN inventory.reservation ON order_id = orders.id
            WHERE (reservation.status = 'sold') IS DISTINCT FROM (orders.status = 'confirmed')
            """
        ),
        (
            "S5 money moved as the order ended",
            """
            SELECT orders.id FROM orders.orders
            LEFT JOIN payments.ledger_entry ON order_id = orders.id AND account = 'gateway' GROUP BY orders.id
            HAVING coalesce(sum(amount), 0) <> CASE status WHEN 'confirmed' THEN total_amount ELSE 0 END
            """
        ),
        (
            "S5 the gateway's ledger is ours",
            """
            SELECT order_id FROM (
                SELECT order_id, amount FROM gateway.charge WHERE state = 'captured'
                UNION ALL
                SELECT order_id, -refund.amount FROM gateway.refund JOIN gateway.charge ON charge.key = charge_key
                UNION ALL
                SELECT order_id, -amount FROM payments.ledger_entry WHERE account = 'gateway'
            ) AS moved GROUP BY order_id HAVING sum(amount) <> 0
            UNION ALL
            SELECT order_id FROM gateway.charge WHERE state = 'captured' GROUP BY order_id HAVING count(*) > 1
            """
        ),
        (
            "S6 two messages for each order",
            """
            SELECT id FROM orders.orders LEFT JOIN notifications.message ON order_id = id
            GROUP BY id HAVING count(kind) <> 2
            """
        ),
        (
            "S8 what was sold is counted",
            """
            SELECT sku FROM (SELECT sku, sum(units) AS counted FROM sales.sales_sum GROUP BY sku) AS sale FULL JOIN (
                SELECT line ->> 'sku' AS sku, sum((line ->> 'quantity')::bigint) AS confirmed
                FROM orders.orders, jsonb_array_elements(lines) AS line WHERE status = 'confirmed' GROUP BY 1
            ) AS line USING (sku) WHERE counted IS DISTINCT FROM confirmed
            """
        ),
        (
            "S7 each thing is said once",
            """
            SELECT topic || ' of ' || key FROM (
                SELECT topic, key FROM orders.outbox UNION ALL SELECT topic, key FROM inventory.outbox
                UNION ALL SELECT topic, key FROM payments.outbox
            ) AS said
            WHERE topic NOT LIKE '%.deadLetters' AND topic <> 'inventory.stock'
            GROUP BY topic, key HAVING count(*) > 1
            """
        ),
    ]
}
