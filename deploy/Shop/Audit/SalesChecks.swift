/// What must be true of what sales counts, S8; an order that ended less than `delay` ago is left out.
func salesChecks(within delay: Duration) -> [AuditCheck] {
    [
        AuditCheck(
            // An order whose events retention has taken may be older than this service.
            name: "S8", says: "confirmed orders are counted, and no others",
            sql: """
                SELECT format('order %s is %s, for sales %s', id, orders.status, coalesce(sale.status, 'unheard of'))
                FROM orders.orders FULL JOIN sales.sale ON order_id = id
                WHERE (sale.status = 'counted' AND orders.status IS DISTINCT FROM 'confirmed')
                    OR (orders.status = 'confirmed' AND sale.status IS DISTINCT FROM 'counted'
                        AND orders.updated_at <= clock_timestamp() - interval '\(delay.components.seconds) seconds'
                        AND orders.created_at > \(Retained.since(["orders"])))
                """),
        AuditCheck(
            name: "S8",
            says: "what each product sold in a minute are the lines of the orders confirmed in it",
            sql: """
                SELECT format('%s at %s: counted %s in %s orders, sold %s in %s', sku, starts_at,
                    coalesce(units, 0), coalesce(counted.orders, 0), coalesce(sold, 0), coalesce(sold_to, 0))
                FROM sales.sales_sum AS counted FULL JOIN (
                    SELECT date_bin('1 minute', confirmed_at, 'epoch') AS starts_at, line ->> 'sku' AS sku,
                        sum((line ->> 'quantity')::bigint) AS sold, count(DISTINCT order_id) AS sold_to
                    FROM sales.sale JOIN orders.orders ON id = order_id
                    CROSS JOIN LATERAL jsonb_array_elements(lines) AS line WHERE sale.status = 'counted' GROUP BY 1, 2
                ) AS line USING (starts_at, sku)
                WHERE (coalesce(units, 0), coalesce(counted.orders, 0)) <> (coalesce(sold, 0), coalesce(sold_to, 0))
                """),
        AuditCheck(
            name: "S8", says: "what sales told of a minute last is what it has counted",
            sql: """
                SELECT format('%s: counted %s, told %s', key, units, payload::jsonb ->> 'units')
                FROM sales.sales_sum JOIN sales.outbox ON topic = 'sales.counted' AND outbox.version = sales_sum.version
                    AND key = sku || to_char(starts_at AT TIME ZONE 'UTC', '"@"YYYY-MM-DD"T"HH24:MI:SS.MS"Z"')
                WHERE is_told AND (units, orders) IS DISTINCT FROM
                    ((payload::jsonb ->> 'units')::bigint, (payload::jsonb ->> 'orders')::bigint)
                """),
    ]
}
