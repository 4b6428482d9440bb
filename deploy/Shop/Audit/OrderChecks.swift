/// What must be true of orders: S1 and S2.
let orderChecks: [AuditCheck] = [
    AuditCheck(
        name: "S1", says: "an idempotency key stands for one order, and that order exists",
        sql: """
            SELECT 'order ' || key.order_id FROM orders.idempotency_key AS key
            LEFT JOIN orders.orders AS placed ON placed.id = key.order_id WHERE placed.id IS NULL
            UNION ALL
            SELECT 'order ' || order_id FROM orders.idempotency_key GROUP BY order_id HAVING count(*) > 1
            """),
    AuditCheck(
        name: "S1", says: "an order was placed under an idempotency key",
        // Keys are forgotten in time, the oldest first.
        sql: """
            SELECT 'order ' || id FROM orders.orders AS placed
            WHERE created_at > (SELECT min(created_at) FROM orders.idempotency_key)
                AND NOT EXISTS (SELECT FROM orders.idempotency_key WHERE order_id = placed.id)
            """),
    AuditCheck(
        name: "S2",
        says: "an order's status and reason follow from what was heard of its stock and its money",
        sql: """
            SELECT format('order %s is %s (%s): stock %s, money %s, cancelled by %s',
                id, status, reason, stock, money, coalesce(cancelled_by, 'nobody'))
            FROM orders.orders WHERE (status, coalesce(reason, '')) IS DISTINCT FROM (CASE
                WHEN cancelled_by IS NOT NULL THEN (
                    CASE WHEN stock IN ('rejected', 'released') AND money IN ('declined', 'voided', 'refunded')
                        THEN 'cancelled' ELSE 'cancelling' END)
                WHEN stock = 'rejected' THEN 'cancelled'
                WHEN money = 'captured' AND stock = 'open' THEN 'confirmed'
                WHEN money = 'declined' AND stock = 'released' THEN 'cancelled'
                WHEN money = 'declined' THEN 'cancelling'
                WHEN money = 'open' THEN 'pending'
            END, CASE
                WHEN cancelled_by IS NOT NULL THEN cancelled_by
                WHEN stock = 'rejected' THEN 'out_of_stock'
                WHEN money = 'declined' THEN 'payment_declined'
                ELSE ''
            END)
            """),
    AuditCheck(
        name: "S2", says: "an ended order has told its end once, and no other order has told any",
        sql: """
            SELECT format('order %s is %s', id, status) FROM orders.orders AS placed
            LEFT JOIN (
                SELECT key, count(*) FILTER (WHERE topic = 'orders.confirmed') AS confirmed,
                    count(*) FILTER (WHERE topic = 'orders.cancelled') AS cancelled
                FROM orders.outbox WHERE topic IN ('orders.confirmed', 'orders.cancelled') GROUP BY key
            ) AS told ON told.key = placed.id::text
            WHERE placed.created_at > \(Retained.since(["orders"]))
                AND (coalesce(confirmed, 0) <> (status = 'confirmed')::int
                    OR coalesce(cancelled, 0) <> (status = 'cancelled')::int)
            """),
    AuditCheck(
        name: "S2", says: "no order is under way any more", atRest: true,
        sql: """
            SELECT format('order %s is %s', id, status) FROM orders.orders
            WHERE status IN ('pending', 'cancelling')
            """),
]
