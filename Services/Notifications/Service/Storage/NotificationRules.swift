import Messaging

private let messages = ReconciledTable.ofOrders("message")

/// What must be true of this schema at every moment.
let notificationRules: [ReconcilerRule] = [
    ReconcilerRule(
        "S6", says: "a customer hears of one end of an order, and its messages are counted without a gap",
        of: messages,
        sql: """
            SELECT order_id::text, 'told: ' || string_agg(format('%s (%s)', kind, version), ', ' ORDER BY version)
            FROM message WHERE order_id = ANY ($1::text[]::uuid[]) GROUP BY order_id
            HAVING count(*) FILTER (WHERE kind IN ('order_confirmed', 'order_cancelled')) > 1
                OR count(DISTINCT version) <> count(*) OR max(version) <> count(*)
            """),
    .told(
        "S6", says: "what a customer was told is said once, where it became so", of: messages,
        rows: """
            SELECT order_id::text AS subject, 'notifications.sent' AS topic, version, xmin
            FROM message WHERE order_id = ANY ($1::text[]::uuid[]) AND sent_at > now() - interval '10 minutes'
                AND status = 'sent'
            """),
    ReconcilerRule(
        // One that a mail server refuses for now is put off each time, so it isn't overdue, nor is what waits for it.
        "S6", says: "no mail is overdue for a quarter of an hour",
        sql: """
            SELECT order_id::text, format('the mail %s is due since %s', kind, next_attempt_at) FROM message
            WHERE status = 'pending' AND next_attempt_at < now() - interval '15 minutes'
            ORDER BY next_attempt_at LIMIT \(Reconciler.pageSize)
            """),
]
