/// What the shop's ledger says of each order: what came, and what went back.
private let ledger = """
    SELECT order_id, coalesce(sum(amount) FILTER (WHERE kind = 'capture'), 0) AS captured,
        coalesce(-sum(amount) FILTER (WHERE kind = 'refund'), 0) AS refunded
    FROM payments.ledger_entry WHERE account = 'gateway' GROUP BY order_id
    """

/// What the gateway's own ledger says of each order.
private let gateway = """
    SELECT order_id, coalesce(sum(charge.amount), 0) AS captured, coalesce(sum(refund.amount), 0) AS refunded
    FROM gateway.charge LEFT JOIN gateway.refund ON charge_key = charge.key
    WHERE state = 'captured' GROUP BY order_id
    """

/// What must be true of money: S5.
let moneyChecks: [AuditCheck] = [
    AuditCheck(
        name: "S5",
        says: "captured - refunded is the total of a confirmed order, and zero for a cancelled one",
        sql: """
            SELECT format('order %s is %s: total %s, captured %s, refunded %s', id, status, total_amount,
                coalesce(captured, 0), coalesce(refunded, 0))
            FROM orders.orders LEFT JOIN (\(ledger)) AS ledger ON order_id = id
            WHERE (status = 'confirmed' AND coalesce(captured - refunded, 0) <> total_amount)
                OR (status = 'cancelled' AND coalesce(captured - refunded, 0) <> 0)
            """),
    AuditCheck(
        name: "S5", says: "the entries of each posting in the ledger sum to zero",
        sql: """
            SELECT format('order %s: %s of %s', order_id, kind, sum(amount)) FROM payments.ledger_entry
            GROUP BY order_id, kind, currency HAVING sum(amount) <> 0 OR count(*) <> 2
            """),
    AuditCheck(
        name: "S5", says: "each payment's status is what its ledger says",
        sql: """
            SELECT format('order %s is %s: captured %s, refunded %s', coalesce(payment.order_id, ledger.order_id),
                coalesce(status, 'unknown'), coalesce(captured, 0), coalesce(refunded, 0))
            FROM payments.payment FULL JOIN (\(ledger)) AS ledger ON ledger.order_id = payment.order_id
            WHERE coalesce(captured, 0)
                    <> CASE WHEN status IN ('captured', 'refunding', 'refunded') THEN payment.amount ELSE 0 END
                OR coalesce(refunded, 0) <> CASE WHEN status = 'refunded' THEN payment.amount ELSE 0 END
                OR status IS NULL
            """),
    AuditCheck(
        name: "S5", says: "the gateway captured each order once at most",
        sql: """
            SELECT format('order %s: %s times', order_id, count(*)) FROM gateway.charge
            WHERE state = 'captured' GROUP BY order_id HAVING count(*) > 1
            """),
    AuditCheck(
        name: "S5", says: "what our ledger has, the gateway's has too",
        sql: """
            SELECT format('order %s: captured %s and %s, refunded %s and %s', ours.order_id, ours.captured,
                coalesce(theirs.captured, 0), ours.refunded, coalesce(theirs.refunded, 0))
            FROM (\(ledger)) AS ours LEFT JOIN (\(gateway)) AS theirs USING (order_id)
            WHERE (ours.captured > 0 AND coalesce(theirs.captured, 0) <> ours.captured)
                OR (ours.refunded > 0 AND coalesce(theirs.refunded, 0) <> ours.refunded)
            """),
    AuditCheck(
        name: "S5", says: "the two ledgers are equal, and no call to the gateway is under way", atRest: true,
        sql: """
            SELECT format('order %s: captured %s and %s, refunded %s and %s', order_id, coalesce(ours.captured, 0),
                coalesce(theirs.captured, 0), coalesce(ours.refunded, 0), coalesce(theirs.refunded, 0))
            FROM (\(ledger)) AS ours FULL JOIN (\(gateway)) AS theirs USING (order_id)
            WHERE coalesce(ours.captured, 0) <> coalesce(theirs.captured, 0)
                OR coalesce(ours.refunded, 0) <> coalesce(theirs.refunded, 0)
            UNION ALL
            SELECT format('order %s: a %s is under way', order_id, kind) FROM payments.gateway_call
            UNION ALL
            SELECT format('order %s: the payment is %s', order_id, status) FROM payments.payment
            WHERE status IN ('requested', 'voiding', 'refunding')
            """),
]
