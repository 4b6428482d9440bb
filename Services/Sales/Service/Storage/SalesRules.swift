import Messaging

/// What must be true of this schema at every moment.
let salesRules: [ReconcilerRule] = [
    ReconcilerRule(
        // Of an order that is older than this service Kafka may have the end and no longer the beginning.
        "S8", says: "no confirmation waits for its order longer than an hour", of: .ofOrders("sale"),
        sql: """
            SELECT order_id::text, format('confirmed at %s, its lines were never heard of', confirmed_at) FROM sale
            WHERE order_id = ANY ($1::text[]::uuid[]) AND status = 'confirmed'
                AND updated_at < now() - interval '1 hour'
                AND confirmed_at > (SELECT applied_at FROM migration WHERE number = 1)
            """),
    ReconcilerRule(
        // A minute of the future may have no end that anybody sees: the clock of orders is wrong, or a record is forged.
        "S8", says: "what is counted is told within a quarter of an hour",
        sql: """
            SELECT format('%s@%s', sku, starts_at), format('counted at %s, and not told since', updated_at)
            FROM sales_sum WHERE NOT is_told AND updated_at < now() - interval '15 minutes'
            ORDER BY starts_at, sku LIMIT \(Reconciler.pageSize)
            """),
]
