/// How long customers may wait to be told, and sales to be counted, while the shop runs.
let hearingDelay = Duration.seconds(30)

/// What must be true of what customers are told, S6; an order that ended less than `delay` ago is left out.
func noticeChecks(within delay: Duration) -> [AuditCheck] {
    [
        AuditCheck(
            name: "S6", says: "a customer is told each thing once, and never two ends",
            sql: """
                SELECT format('order %s: %s, %s times', order_id, kind, count(*)) FROM notifications.message
                GROUP BY order_id, kind HAVING count(*) > 1
                UNION ALL
                SELECT format('order %s: confirmed and cancelled', order_id) FROM notifications.message
                WHERE kind IN ('order_confirmed', 'order_cancelled')
                GROUP BY order_id HAVING count(DISTINCT kind) > 1
                """),
        AuditCheck(
            name: "S6", says: "the customer of an ended order was told that it came, and how it ended",
            sql: """
                SELECT format('order %s is %s, told: %s', id, status, coalesce(told, 'nothing')) FROM orders.orders
                LEFT JOIN (
                    SELECT order_id, string_agg(DISTINCT kind, ' ' ORDER BY kind) AS told
                    FROM notifications.message GROUP BY order_id
                ) AS notice ON order_id = id
                WHERE status IN ('confirmed', 'cancelled')
                    AND updated_at <= clock_timestamp() - interval '\(delay.components.seconds) seconds'
                    AND told IS DISTINCT FROM 'order_' || status || ' order_received'
                """),
    ]
}
