import Contracts
import Kafka
import Kernel
import Messaging
import Observability
import Postgres
import TestSupport
import Testing

@Suite("The reconciler")
struct ReconcilerTests {
    private static let things = [
        ReconcilerRule(
            "T1", says: "a thing has a version", of: .named("thing", key: "key"),
            sql:
                "SELECT key, format('its version is %s', version) FROM thing WHERE key = ANY ($1) AND version < 0"
        )
    ]

    static let breaches = [
        Breach(
            "H3", "the versions",
            """
            INSERT INTO outbox (event_id, topic, key, version, occurred_at, payload)
            VALUES (gen_random_uuid(), 'orders.cancelled', 'key', 2, now(), '')
            """),
        Breach(
            "H5", "the relay moves on",
            "UPDATE outbox SET occurred_at = now() - interval '3 minutes'"),
        Breach(
            "H5", "the relay moves on",
            """
            UPDATE outbox SET occurred_at = now() - interval '3 minutes';
            INSERT INTO outbox_cursor VALUES ('one', '1', '1:1:', 0, 0, now() - interval '3 minutes')
            """),
        Breach(
            "H6", "no dead letter",
            """
            INSERT INTO dead_letter (cluster_id, topic, partition, "offset", headers, error_class, error, changed_at)
            VALUES ('one', 'orders.created', 0, 7, '[]', 'refused', 'no', now() - interval '2 hours')
            """),
        Breach(
            "H6", "no dead letter",
            """
            INSERT INTO dead_letter (cluster_id, topic, partition, "offset", headers, error_class, error, state,
                changed_at)
            VALUES ('one', 'orders.created', 0, 7, '[]', 'refused', 'no', 'retry', now() - interval '6 minutes')
            """),
    ]

    @Test func `every rule of messaging is tried`() {
        #expect(Breach.untried(messagingRules, by: Self.breaches) == [])
    }

    @Test(arguments: breaches) func `what was tampered with is noticed`(_ breach: Breach) async throws {
        try await MessagingHouse.with { house in
            try await house.write(versions: 1...3)
            #expect(try await house.database.violations(of: messagingRules) == [])
            let found = try await house.database.violations(of: messagingRules, after: breach, replacing: [:])
            #expect(found.name(breach), "\(found)")
        }
    }

    @Test func `a relay that was just rewound, or is published to its end, is not stuck`() async throws {
        try await MessagingHouse.with { house in
            try await house.write(versions: 1...3)
            try await house.run("UPDATE outbox SET occurred_at = now() - interval '1 hour'")
            // One that is no longer in use, and one that has just begun.
            try await house.run(
                """
                INSERT INTO outbox_cursor VALUES ('old', '1', '1:1:', 0, 0, now() - interval '1 day'),
                    ('new', '1', '1:1:', 0, 0, now())
                """)
            #expect(try await house.database.violations(of: messagingRules) == [])
            try await house.run(
                """
                UPDATE outbox_cursor SET snapshot = pg_current_snapshot(), moved_at = now() - interval '1 hour'
                WHERE cluster_id = 'new'
                """)
            #expect(try await house.database.violations(of: messagingRules) == [])
        }
    }

    @Test func `the walk comes by every row, and goes on with a violation until it is gone`() async throws {
        try await MessagingHouse.with { house in
            try await house.run(
                "INSERT INTO thing SELECT 'thing ' || n, CASE n WHEN 25 THEN -1 ELSE 1 END FROM generate_series(10, 39) AS n"
            )
            let log = RecordedLog()
            let metrics = PrometheusCollectorRegistry()
            let reconciler = Reconciler(
                rules: Self.things, database: house.database.asOfService, interval: .zero, pageSize: 10,
                metrics: metrics, logger: log.logger)
            var memory = Reconciler.Memory()
            try await reconciler.round(&memory)
            #expect(log.violations == [])
            for round in 1...4 {
                try await reconciler.round(&memory)
                #expect(log.violations.count == round)
            }
            #expect(log.violations[0] == "T1 thing 25: its version is -1, but a thing has a version")
            try await house.run("UPDATE thing SET version = 1")
            try await reconciler.round(&memory)
            #expect(log.violations.count == 4)
            #expect(log.lines.filter { $0.level == .notice }.map(\.message) == ["rule holds again"])
            try await reconciler.round(&memory)
            #expect(log.lines.filter { $0.level == .notice }.count == 1)
            #expect(MetricsText(metrics).values(of: "reconciler_violations_total") == ["rule=\"T1\"": 4])
        }
    }

    @Test(arguments: [12, 5]) func `numbers are in the order of numbers`(_ bad: Int) async throws {
        let rule = ReconcilerRule(
            "T3", says: "no letter is bad", of: .numbered("dead_letter"),
            sql: """
                SELECT id::text, error FROM dead_letter WHERE id = ANY ($1::text[]::bigint[]) AND error = 'bad'
                """)
        try await MessagingHouse.with { house in
            try await house.run(
                """
                INSERT INTO dead_letter (cluster_id, topic, partition, "offset", headers, error_class, error)
                SELECT 'one', 'orders.created', 0, n, '[]', 'refused', CASE n WHEN \(bad) THEN 'bad' ELSE 'no' END
                FROM generate_series(1, 12) AS n
                """)
            let log = RecordedLog()
            let reconciler = Reconciler(
                rules: [rule], database: house.database.asOfService, interval: .zero, pageSize: 2,
                logger: log.logger)
            var memory = Reconciler.Memory()
            // The newest at once, the others on the walk.
            for _ in 1...(bad > 10 ? 1 : 3) { try await reconciler.round(&memory) }
            #expect(log.violations.count == 1)
        }
    }

    @Test func `of many violations a few are logged and all are counted`() async throws {
        try await MessagingHouse.with { house in
            try await house.run("INSERT INTO thing SELECT n::text, -1 FROM generate_series(1, 200) AS n")
            let log = RecordedLog()
            let reconciler = Reconciler(
                rules: Self.things, database: house.database.asOfService, interval: .zero, logger: log.logger)
            var memory = Reconciler.Memory()
            try await reconciler.round(&memory)
            #expect(log.violations.count == 6)
            #expect(log.lines.last?.metadata[LogKey.count] == "200")
        }
    }

    @Test func `a rule may change nothing, and its failure ends neither the loop nor the service`()
        async throws
    {
        try await MessagingHouse.with { house in
            let log = RecordedLog()
            let writing = ReconcilerRule(
                "T2", says: "", sql: "SELECT nextval('outbox_seq_seq')::text, ''")
            let reconciler = Reconciler(
                rules: [writing], database: house.database.asOfService, interval: .milliseconds(1),
                logger: log.logger)
            let stop = StopFlag()
            await withTaskGroup(of: Void.self) { group in
                group.addTask { await reconciler.run(until: stop) }
                try? await eventually("two rounds have failed") {
                    log.lines.count { $0.message.hasPrefix("rules not checked") } >= 2
                }
                stop.set()
            }
            #expect(log.lines.contains { $0.metadata[LogKey.error]?.contains("read-only") == true })
        }
    }
}
