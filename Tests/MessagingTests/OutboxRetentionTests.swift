import Kernel
import Observability
import Postgres
import TestSupport
import Testing

@testable import Messaging

@Suite("Keeping the outbox short")
struct OutboxRetentionTests {
    private static let width: Int64 = 400

    private func with(_ body: (MessagingHouse, OutboxStore) async throws -> Void) async throws {
        try await MessagingHouse.with(partition: Self.width) { house in
            let cluster = KafkaCluster(id: "cluster")
            try await cluster.admit(policy: .stop, pool: house.pool)
            try await house.withConnection { connection in
                try await body(house, OutboxStore(connection: connection, clusterID: cluster.id))
            }
        }
    }

    private func retention(_ house: MessagingHouse, keep: Duration) -> OutboxRetention {
        OutboxRetention(pool: house.pool, keep: keep, logger: house.log.logger)
    }

    /// The partitions that have rows, oldest first.
    private func used(_ house: MessagingHouse) async throws -> [String] {
        try await house.strings(
            "SELECT tableoid::regclass::text FROM outbox GROUP BY tableoid ORDER BY min(xid)")
    }

    /// Uses up transactions, one at a time and with an eye on the partitions to come, as a shop does.
    private func fill(_ house: MessagingHouse, until enough: () async throws -> Bool) async throws {
        for version in Int64(0)..<100_000 {
            if version % 20 == 0 {
                await retention(house, keep: .seconds(86_400)).extend()
                if try await enough() { return }
            }
            try await house.write("key \(version % 7)", versions: version...version)
        }
        Issue.record("100,000 transactions were not enough")
    }

    /// Publishes everything, as far as the cursor tells.
    private func publish(_ store: OutboxStore) async throws -> Int {
        var cursor = try #require(try await store.takeCursor())
        var count = 0
        var (rows, until) = try await store.read(after: cursor, limit: 1_000_000)
        while let end = until {
            count += rows.count
            (rows, until) = try await store.move(&cursor, to: end, limit: 1_000_000)
        }
        return count
    }

    /// Publishes and drops until enough is gone; transactions of other tests that are still open hold it up.
    private func dropping(
        _ house: MessagingHouse, _ store: OutboxStore, until enough: () async throws -> Bool
    ) async throws {
        try await eventually("old events are dropped", within: .seconds(60)) {
            try await house.write("more", versions: 1...1)
            _ = try await publish(store)
            await retention(house, keep: .zero).drop(cluster: "cluster")
            return try await enough()
        }
    }

    @Test func `rows that were there before are in the first partition, and numbers go on`() async throws {
        try await PostgresServer.fromEnvironment().withSchema { database in
            let log = RecordedLog()
            let connection = try await PostgresConnection.connect(database, logger: log.logger)
            try await database.migrate([messagingMigration])
            let insert = """
                INSERT INTO outbox (event_id, topic, key, version, occurred_at, payload)
                VALUES (gen_random_uuid(), 't', 'k', 1, now(), '')
                """
            try await connection.run("\(insert); \(insert)")
            try await database.migrate([messagingMigration, outboxPartitions(number: 2)])
            try await connection.run(insert)
            let rows = try await connection.query(
                PostgresStatement.once("SELECT seq, tableoid::text FROM outbox ORDER BY seq")())
            #expect(try rows.map { try $0.int64(0) } == [1, 2, 3])
            #expect(Set(try rows.map { try $0.string(1) }).count == 1)
            await connection.close()
        }
    }

    @Test func `what is published and old is dropped, what is neither stays`() async throws {
        try await with { house, store in
            try await fill(house) { try await used(house).count >= 3 }
            let written = try await house.number("SELECT count(*) FROM outbox")
            let parts = try await used(house)

            // Old enough, but not published.
            await retention(house, keep: .zero).drop(cluster: "cluster")
            #expect(try await used(house) == parts)
            #expect(try await publish(store) == Int(written))

            // Published, but not old enough; and of a cluster that nobody knows.
            await retention(house, keep: .seconds(3600)).drop(cluster: "cluster")
            await retention(house, keep: .zero).drop(cluster: "another")
            #expect(try await used(house) == parts)

            let oldest = parts[0]
            try await dropping(house, store) { try await !used(house).contains(oldest) }
            #expect(try await house.number("SELECT count(*) FROM outbox_dropped") > 0)
            #expect(house.log.lines.contains { $0.message == "old events dropped" })

            // And it goes on.
            try await house.write("later", versions: 1...3)
            #expect(try await publish(store) == 3)
        }
    }

    @Test func `a dump of a server that was further has the first partitions already, and is rewound`()
        async throws
    {
        try await with { house, store in
            try await house.write(versions: 1...3)
            // As if the first partition had been made on a server that was there, and then brought to this one.
            try await house.run(
                """
                DO $$
                    DECLARE
                        first constant bigint := pg_current_xact_id()::text::bigint / \(Self.width) + 5;
                        part regclass;
                    BEGIN
                        CREATE TABLE old AS SELECT * FROM outbox;
                        FOR part IN SELECT inhrelid FROM pg_inherits
                            WHERE inhparent = 'outbox'::regclass AND inhrelid <> 'outbox_rest'::regclass
                        LOOP
                            EXECUTE format('DROP TABLE %s', part);
                        END LOOP;
                        EXECUTE format('CREATE TABLE outbox_%s PARTITION OF outbox FOR VALUES FROM (MINVALUE) TO (%L)',
                            first, (first + 1) * \(Self.width));
                        UPDATE old SET xid = (first * \(Self.width) + 1)::text::xid8;
                        INSERT INTO outbox OVERRIDING SYSTEM VALUE SELECT * FROM old;
                        UPDATE outbox_cursor SET system_id = '1';
                    END
                $$
                """)
            try await house.withConnection {
                _ = try await Rewind.rewind(cluster: "cluster", to: nil, on: $0)
            }
            #expect(try await publish(store) == 3)
            await retention(house, keep: .zero).extend()
            #expect(!house.log.lines.contains { $0.level == .warning })
            #expect(try await used(house).count == 1)
        }
    }

    /// A dump brings the names that the server before it has dropped.
    @Test func `a partition whose name was dropped before is dropped all the same`() async throws {
        try await with { house, store in
            try await fill(house) { try await used(house).count >= 3 }
            let oldest = try await used(house)[0]
            try await house.run("INSERT INTO outbox_dropped VALUES ('\(oldest)', now() - interval '1 year')")
            _ = try await publish(store)
            try await dropping(house, store) { try await !used(house).contains(oldest) }
            let newest = try await house.strings(
                "SELECT (newest > now() - interval '1 hour')::text FROM outbox_dropped WHERE name = '\(oldest)'"
            )
            #expect(newest == ["true"])
        }
    }

    /// A relay that is rewound reads from tick to tick.
    @Test func `ticks stay for as long as there are rows between them`() async throws {
        try await with { house, store in
            let tick = "INSERT INTO outbox_tick VALUES (now() - interval '2 hours', pg_current_snapshot())"
            try await house.run(tick)
            try await house.write("before", versions: 1...3)
            try await house.run(tick.replacing("'2 hours'", with: "'1 hour'"))
            try await house.write("after", versions: 1...3)
            _ = try await publish(store)
            // Longer than the rows are there: the transactions of other tests may be enough to fill their partition.
            await retention(house, keep: .seconds(1800)).drop(cluster: "cluster")
            let left = try await house.strings(
                "SELECT round(extract(epoch FROM now() - at) / 3600)::text FROM outbox_tick")
            #expect(left == ["1"], "what is before the first row bounds nothing")
        }
    }

    @Test func `no partition is vacuumed, the first as little as those made later`() async throws {
        try await with { house, _ in
            try await fill(house) { try await used(house).count >= 2 }
            let vacuumed = try await house.strings(
                """
                SELECT relname::text FROM pg_inherits JOIN pg_class ON pg_class.oid = inhrelid
                WHERE inhparent = 'outbox'::regclass
                    AND NOT coalesce(reloptions, '{}') @> '{autovacuum_enabled=off}'
                """)
            #expect(vacuumed == [])
        }
    }

    @Test func `a partition in which a transaction is still open is not dropped`() async throws {
        try await with { house, store in
            try await house.withConnection { writer in
                try await writer.run("BEGIN; INSERT INTO thing VALUES ('open')")
                let first = try await house.number(
                    "SELECT pg_snapshot_xmax(pg_current_snapshot())::text::bigint")
                try await fill(house) {
                    try await house.number("SELECT pg_snapshot_xmax(pg_current_snapshot())::text::bigint")
                        > first + 2 * Self.width
                }
                _ = try await publish(store)
                await retention(house, keep: .zero).drop(cluster: "cluster")
                // Its events go where its number says, so that has to be there.
                try await writer.run(
                    """
                    INSERT INTO outbox (event_id, topic, key, version, occurred_at, payload)
                    VALUES (gen_random_uuid(), 'orders.cancelled', 'open', 1, now(), '{}'); COMMIT
                    """)
            }
            #expect(try await publish(store) == 1)
        }
    }

    @Test func `a row without a partition is kept and published all the same`() async throws {
        try await with { house, store in
            let known = try await house.number(
                "SELECT max(substr(relname, 8)::bigint) FROM pg_class WHERE oid IN (SELECT inhrelid FROM pg_inherits "
                    + "WHERE inhparent = 'outbox'::regclass) AND relname ~ '^outbox_[0-9]+$'")
            // Nobody extends it meanwhile.
            while try await house.number("SELECT pg_snapshot_xmax(pg_current_snapshot())::text::bigint")
                <= (known + 1) * Self.width
            {
                try await house.run("SELECT pg_current_xact_id()")
            }
            try await house.write(versions: 1...5)
            #expect(try await used(house) == ["outbox_rest"])
            #expect(try await publish(store) == 5)
            // The range under way is the rest's; the next ones are made, and the rest empties.
            await retention(house, keep: .zero).extend()
            #expect(!house.log.lines.contains { $0.level == .warning })
            try await fill(house) { try await used(house).contains { $0 != "outbox_rest" } }
            try await dropping(house, store) {
                try await house.number("SELECT count(*) FROM outbox_rest") == 0
            }
        }
    }

    @Test func `the relay looks at no partition that is behind its cursor`() async throws {
        try await with { house, store in
            try await fill(house) { try await used(house).count >= 3 }
            let parts = try await used(house)
            #expect(try await scanned(house, after: "1:1:").count > parts.count - 1)
            // As if nothing were open anywhere.
            let now = try await house.number("SELECT pg_snapshot_xmax(pg_current_snapshot())::text::bigint")
            let scanned = try await scanned(house, after: "\(now):\(now):")
            for part in parts.dropLast() { #expect(!scanned.contains(part), "\(scanned)") }
        }
    }

    /// The partitions that the relay's own statement reads from this cursor on.
    private func scanned(_ house: MessagingHouse, after snapshot: String) async throws -> [String] {
        let statement = PostgresStatement.once(
            "EXPLAIN (ANALYZE, COSTS OFF, TIMING OFF, SUMMARY OFF) " + OutboxStore.read.sql)
        let plan = try await house.pool.query(
            statement(snapshot, nil as String?, Int64(0), Int64(2000)))
        var parts: [String] = []
        for row in plan {
            let line = try row.string(0)
            guard line.contains("Scan"), !line.contains("never executed") else { continue }
            let words = line.split(separator: " ")
            guard let on = words.firstIndex(of: "on"), on + 1 < words.count else { continue }
            parts.append(String(words[on + 1]))
        }
        return parts
    }
}
