/// What must be true of messaging in each service's schema, as far as the service can see it.
///
/// What stands in Kafka only `shop audit` compares: H1, H2, H4, and whether everything was read.
package let messagingRules: [ReconcilerRule] = [
    ReconcilerRule(
        "H3", says: "the versions of a key rise in the outbox",
        // Of whichever rows: a part of what rises rises.
        sql: """
            SELECT key, format('%s: version %s after %s', topic, version, before) FROM (
                SELECT key, topic, version, lag(version) OVER (PARTITION BY key ORDER BY seq) AS before
                FROM (SELECT * FROM outbox ORDER BY xid DESC, seq DESC LIMIT \(2 * Reconciler.pageSize)) AS newest
                WHERE topic NOT LIKE '%.deadLetters'
            ) AS event WHERE version <= before
            """),
    ReconcilerRule(
        "H5", says: "the relay moves on within two minutes while events wait",
        // Of the clusters the last one that was published to is the one in use. A cursor that was rewound has just
        // moved, so what is old and published again is no delay.
        sql: """
            WITH cursor AS MATERIALIZED (
                SELECT cluster_id, snapshot, moved_at FROM outbox_cursor ORDER BY moved_at DESC LIMIT 1
            ), place AS MATERIALIZED (
                SELECT coalesce((SELECT snapshot FROM cursor), '1:1:'::pg_snapshot) AS snapshot
            ), waiting AS (
                (SELECT occurred_at FROM outbox
                WHERE xid >= (SELECT pg_snapshot_xmax(snapshot) FROM place) ORDER BY xid, seq LIMIT 1)
                UNION ALL
                (SELECT occurred_at FROM outbox
                WHERE xid = ANY (ARRAY(SELECT pg_snapshot_xip(snapshot) FROM place)) ORDER BY xid, seq LIMIT 1)
            )
            SELECT coalesce((SELECT cluster_id FROM cursor), 'no cluster'), format(
                'an event waits since %s, the relay has moved last %s', min(occurred_at),
                coalesce((SELECT moved_at::text FROM cursor), 'never'))
            FROM waiting HAVING min(occurred_at) < now() - interval '2 minutes'
                AND coalesce((SELECT moved_at FROM cursor) < now() - interval '2 minutes', true)
            """),
    ReconcilerRule(
        "H6", says: "no dead letter waits for a person longer than an hour, or for the service after that",
        of: .numbered("dead_letter"),
        sql: """
            SELECT id::text, format('the record %s/%s@%s is in state %s: %s', topic, partition, "offset", state, error)
            FROM dead_letter WHERE id = ANY ($1::text[]::bigint[])
                AND ((state = 'parked' AND changed_at < now() - interval '1 hour')
                    OR (state = 'retry' AND changed_at < now() - interval '5 minutes'))
            """),
]
