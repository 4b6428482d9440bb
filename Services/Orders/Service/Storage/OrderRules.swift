import Messaging

private let orders = ReconciledTable.ofOrders("orders", key: "id")

/// What must be true of this schema at every moment.
let orderRules: [ReconcilerRule] = [
    ReconcilerRule(
        "S1", says: "an idempotency key stands for an order that exists",
        of: .named("idempotency_key", key: "key"),
        sql: """
            SELECT key.order_id::text, 'there is no such order' FROM idempotency_key AS key
            WHERE key.key = ANY ($1::text[]) AND NOT EXISTS (SELECT FROM orders WHERE orders.id = key.order_id)
            """),
    ReconcilerRule(
        "S2", says: "an order's status and reason follow from what was heard of its stock and its money",
        of: orders,
        sql: """
            SELECT id::text, format('it is %s (%s): stock %s, money %s, cancelled by %s',
                status, reason, stock, money, coalesce(cancelled_by, 'nobody'))
            FROM orders WHERE id = ANY ($1::text[]::uuid[]) AND (status, coalesce(reason, '')) IS DISTINCT FROM (CASE
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
    // A pending order of a higher version has heard of its stock before it hears of its money: nobody is told that.
    .told(
        "S2", says: "a new order and an ended one are told once, where they became it", of: orders,
        rows: """
            SELECT id::text AS subject, CASE status WHEN 'pending' THEN 'orders.created' ELSE 'orders.' || status END
                AS topic, version, xmin
            FROM orders WHERE id = ANY ($1::text[]::uuid[]) AND updated_at > now() - interval '10 minutes'
                AND (status IN ('confirmed', 'cancelled') OR (status = 'pending' AND version = 1))
            """),
    ReconcilerRule(
        "S2", says: "no order is pending a minute after its deadline, or cancelling for more than an hour",
        of: orders,
        // Beside the given ones those whose deadlines have passed last, however many are placed in a second.
        sql: """
            SELECT id::text, format('it is %s, its deadline was %s', status, deadline)
            FROM orders WHERE id = ANY ($1::text[]::uuid[] || ARRAY(
                    SELECT id FROM orders WHERE deadline < now() - interval '1 minute'
                    ORDER BY deadline DESC LIMIT \(2 * Reconciler.pageSize)))
                AND ((status = 'pending' AND deadline < now() - interval '1 minute')
                    OR (status = 'cancelling' AND updated_at < now() - interval '1 hour'))
            """),
    ReconcilerRule(
        "S5", says: "an order's total is the sum of its lines", of: orders,
        sql: """
            SELECT id::text, format('the total is %s, the lines are %s', total_amount, lines)
            FROM orders WHERE id = ANY ($1::text[]::uuid[]) AND total_amount IS DISTINCT FROM (
                SELECT sum((line -> 'quantity')::bigint * (line -> 'unitPrice' -> 'amount')::bigint)
                FROM jsonb_array_elements(lines) AS line)
            """),
]
