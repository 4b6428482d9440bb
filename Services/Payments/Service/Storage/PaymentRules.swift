import Messaging

private let payments = ReconciledTable.ofOrders("payment")

/// What must be true of this schema at every moment; what the gateway has in its own ledger only the audit sees.
let paymentRules: [ReconcilerRule] = [
    ReconcilerRule(
        "S5", says: "the entries of each posting in the ledger sum to zero", of: payments,
        sql: """
            SELECT order_id::text, format('%s entries of the %s sum to %s', count(*), kind, sum(amount))
            FROM ledger_entry WHERE order_id = ANY ($1::text[]::uuid[])
            GROUP BY order_id, kind, currency HAVING sum(amount) <> 0 OR count(*) <> 2
            """),
    ReconcilerRule(
        "S5", says: "each payment's status is what its ledger says", of: payments,
        sql: """
            SELECT payment.order_id::text, format('it is %s: captured %s, refunded %s, of %s', status,
                coalesce(capture.amount, 0), coalesce(refund.amount, 0), coalesce(payment.amount, 0))
            FROM payment
            LEFT JOIN posting AS capture ON capture.order_id = payment.order_id AND capture.kind = 'capture'
            LEFT JOIN posting AS refund ON refund.order_id = payment.order_id AND refund.kind = 'refund'
            WHERE payment.order_id = ANY ($1::text[]::uuid[]) AND (
                coalesce(capture.amount, 0)
                    <> CASE WHEN status IN ('captured', 'refunding', 'refunded') THEN payment.amount ELSE 0 END
                OR coalesce(refund.amount, 0) <> CASE WHEN status = 'refunded' THEN payment.amount ELSE 0 END
                OR capture.currency <> payment.currency OR refund.currency <> payment.currency)
            """),
    ReconcilerRule(
        "S5", says: "a payment that waits for the gateway has a call for it, and no other has one",
        of: payments,
        sql: """
            SELECT payment.order_id::text, format('it is %s, its call is %s', status, coalesce(call.kinds, 'none'))
            FROM payment LEFT JOIN (
                SELECT order_id, string_agg(kind, ' and ' ORDER BY kind) AS kinds FROM gateway_call
                WHERE order_id = ANY ($1::text[]::uuid[]) GROUP BY order_id
            ) AS call ON call.order_id = payment.order_id
            WHERE payment.order_id = ANY ($1::text[]::uuid[]) AND coalesce(call.kinds, '') <> CASE
                WHEN status IN ('requested', 'voiding') THEN 'capture' WHEN status = 'refunding' THEN 'refund' ELSE '' END
            """),
    ReconcilerRule(
        "S5", says: "the gateway answers each call within ten minutes",
        // A call is as old as the change of the payment that led to it.
        sql: """
            SELECT order_id::text, format('the %s has no answer since %s, asked %s times', kind, updated_at, attempts)
            FROM (SELECT * FROM gateway_call ORDER BY order_id, kind LIMIT \(2 * Reconciler.pageSize)) AS call
            JOIN payment USING (order_id) WHERE updated_at < now() - interval '10 minutes'
            """),
    .told(
        "S7", says: "what became of an order's money is told once, where it became it", of: payments,
        rows: """
            SELECT order_id::text AS subject, 'payments.' || status AS topic, version, xmin
            FROM payment WHERE order_id = ANY ($1::text[]::uuid[]) AND updated_at > now() - interval '10 minutes'
                AND status IN ('captured', 'declined', 'voided', 'refunded')
            """),
]
