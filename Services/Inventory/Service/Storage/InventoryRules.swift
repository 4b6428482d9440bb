import Messaging

private let reservations = ReconciledTable.ofOrders("reservation")
private let products = ReconciledTable.named("product", key: "sku")

/// What must be true of this schema at every moment.
///
/// What all reservations of a product sum up to is the audit's: there is no index of those that hold something, since
/// their status changes. The newest are known not to hold more than there is, which finds every piece sold twice.
let inventoryRules: [ReconcilerRule] = [
    ReconcilerRule(
        "S3", says: "restocked = available + reserved + sold for each SKU, and none is below zero",
        of: products,
        sql: """
            SELECT sku, format('restocked %s, available %s, reserved %s, sold %s', restocked, available, reserved, sold)
            FROM product WHERE sku = ANY ($1::text[])
                AND (restocked <> available + reserved + sold OR least(available, reserved, sold) < 0)
            """),
    ReconcilerRule(
        "S3", says: "what is reserved and sold of each SKU are the lines of the reservations", of: products,
        sql: """
            WITH newest AS MATERIALIZED (
                SELECT status, skus, quantities FROM reservation
                ORDER BY order_id DESC LIMIT \(2 * Reconciler.pageSize)
            ), line AS MATERIALIZED (
                SELECT sku, coalesce(sum(quantity) FILTER (WHERE status = 'held'), 0) AS held,
                    coalesce(sum(quantity) FILTER (WHERE status = 'sold'), 0) AS taken
                FROM newest CROSS JOIN LATERAL unnest(skus, quantities) AS line (sku, quantity) GROUP BY sku
            )
            SELECT sku, format('reserved %s and held %s, sold %s and taken %s, by the newest reservations',
                reserved, coalesce(held, 0), sold, coalesce(taken, 0))
            FROM product LEFT JOIN line USING (sku) WHERE sku = ANY ($1::text[])
                AND (held > reserved OR taken > sold OR (
                    (reserved, sold) IS DISTINCT FROM (coalesce(held, 0), coalesce(taken, 0))
                    AND (SELECT count(*) FROM newest) < \(2 * Reconciler.pageSize)))
            """),
    ReconcilerRule(
        // No setting lets an order take longer than a day.
        "S4", says: "no stock is held for longer than an order can last", of: reservations,
        sql: """
            SELECT order_id::text, format('its stock is held since %s', updated_at) FROM reservation
            WHERE order_id = ANY ($1::text[]::uuid[]) AND status = 'held' AND updated_at < now() - interval '25 hours'
            """),
    .told(
        "S7", says: "what became of an order's stock is told once, where it became it", of: reservations,
        rows: """
            SELECT order_id::text AS subject,
                'inventory.' || CASE status WHEN 'held' THEN 'reserved' ELSE status END AS topic, version, xmin
            FROM reservation WHERE order_id = ANY ($1::text[]::uuid[]) AND updated_at > now() - interval '10 minutes'
                AND status IN ('held', 'rejected', 'released')
            """),
]
