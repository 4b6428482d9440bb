/// What must be true of stock: S3 and S4.
let stockChecks: [AuditCheck] = [
    AuditCheck(
        name: "S3", says: "restocked = available + reserved + sold for each SKU, and none is below zero",
        sql: """
            SELECT format('%s: restocked %s, available %s, reserved %s, sold %s',
                sku, restocked, available, reserved, sold)
            FROM inventory.product
            WHERE restocked <> available + reserved + sold OR least(available, reserved, sold) < 0
            """),
    AuditCheck(
        name: "S3", says: "what is reserved and sold of each SKU are the lines of the reservations",
        sql: """
            SELECT format('%s: reserved %s and held %s, sold %s and taken %s', sku, reserved, held, sold, taken)
            FROM inventory.product FULL JOIN (
                SELECT sku, coalesce(sum(quantity) FILTER (WHERE status = 'held'), 0) AS held,
                    coalesce(sum(quantity) FILTER (WHERE status = 'sold'), 0) AS taken
                FROM inventory.reservation CROSS JOIN LATERAL unnest(skus, quantities) AS line (sku, quantity)
                GROUP BY sku
            ) AS line USING (sku)
            WHERE coalesce(reserved, 0) <> coalesce(held, 0) OR coalesce(sold, 0) <> coalesce(taken, 0)
            """),
    AuditCheck(
        name: "S3", says: "a reservation has the lines of its order",
        sql: """
            SELECT 'order ' || id FROM orders.orders JOIN inventory.reservation ON order_id = id
            WHERE reservation.status IN ('held', 'sold') AND (
                SELECT array_agg((sku, quantity)::text ORDER BY sku, quantity)
                FROM unnest(skus, quantities) AS line (sku, quantity)
            ) IS DISTINCT FROM (
                SELECT array_agg((line ->> 'sku', (line ->> 'quantity')::bigint)::text
                    ORDER BY line ->> 'sku' COLLATE "C", (line ->> 'quantity')::bigint)
                FROM jsonb_array_elements(lines) AS line
            )
            """),
    AuditCheck(
        name: "S3", says: "nothing is reserved, and what is sold are the lines of the confirmed orders",
        atRest: true,
        sql: """
            SELECT format('%s: reserved %s, sold %s, confirmed %s', sku, reserved, sold, coalesce(ordered, 0))
            FROM inventory.product FULL JOIN (
                SELECT line ->> 'sku' AS sku, sum((line ->> 'quantity')::bigint) AS ordered
                FROM orders.orders CROSS JOIN LATERAL jsonb_array_elements(lines) AS line
                WHERE status = 'confirmed' GROUP BY 1
            ) AS line USING (sku)
            WHERE reserved <> 0 OR coalesce(sold, 0) <> coalesce(ordered, 0)
            """),
    AuditCheck(
        name: "S4", says: "a cancelled order holds no stock, a confirmed one has all of its own",
        sql: """
            SELECT format('order %s is %s, its stock %s', id, orders.status, coalesce(reservation.status, 'unknown'))
            FROM orders.orders LEFT JOIN inventory.reservation ON order_id = id
            WHERE (orders.status = 'cancelled' AND coalesce(reservation.status, '') NOT IN ('rejected', 'released'))
                OR (orders.status = 'confirmed' AND coalesce(reservation.status, '') NOT IN ('held', 'sold'))
            """),
    AuditCheck(
        name: "S4", says: "stock is sold to confirmed orders alone",
        sql: """
            SELECT format('order %s is %s, its stock sold', order_id, coalesce(orders.status, 'unknown'))
            FROM inventory.reservation LEFT JOIN orders.orders ON id = order_id
            WHERE reservation.status = 'sold' AND orders.status IS DISTINCT FROM 'confirmed'
            """),
    AuditCheck(
        name: "S4", says: "no reservation is held any more", atRest: true,
        sql: "SELECT 'order ' || order_id FROM inventory.reservation WHERE status = 'held'"),
]
