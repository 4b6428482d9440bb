import Kernel
import Messaging
import Postgres
import TestSupport
import Testing

@testable import OrdersService

@Suite("Forgetting idempotency keys")
struct ExpiryTests {
    @Test func `however many keys are due, each statement deletes few of them`() async throws {
        try await OrdersUnderTest.run { orders in
            try await orders.run(
                """
                CREATE FUNCTION few() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
                    ASSERT (SELECT count(*) FROM gone) <= 10000, 'too many at once';
                    RETURN NULL;
                END $$
                """)
            try await orders.run(
                """
                CREATE TRIGGER few AFTER DELETE ON idempotency_key REFERENCING OLD TABLE AS gone
                FOR EACH STATEMENT EXECUTE FUNCTION few()
                """)
            try await orders.fill("'old ' || n", count: 25_000, daysAgo: 2)
            try await orders.fill("'new ' || n", count: 3, daysAgo: 0)
            try await orders.expireKeys(olderThan: .seconds(86_400))
            #expect(try await orders.count("SELECT count(*) FROM idempotency_key") == 3)
        }
    }

    @Test func `an expiry reads only what is due, also where the room of older keys was used again`()
        async throws
    {
        try await OrdersUnderTest.run { orders in
            try await orders.fill("'old ' || n", count: 30_000, daysAgo: 2)
            try await orders.expireKeys(olderThan: .seconds(86_400))
            try await orders.pool.query(PostgresStatement.once("VACUUM ANALYZE idempotency_key")())
            try await orders.fill("'new ' || n", count: 30_000, daysAgo: 0)
            try await orders.pool.query(PostgresStatement.once("VACUUM ANALYZE idempotency_key")())
            let due = try await orders.pool.query(
                PostgresStatement.once(
                    """
                    EXPLAIN (ANALYZE, COSTS off, TIMING off)
                    SELECT FROM idempotency_key WHERE created_at < now() - interval '1 day' ORDER BY created_at
                    """)()
            ).map { try $0.string(0) }
            #expect(!due.contains { $0.contains("Rows Removed") }, "\(due)")
        }
    }
}

extension OrdersUnderTest {
    fileprivate func run(_ sql: String) async throws { try await pool.query(PostgresStatement.once(sql)()) }

    fileprivate func count(_ sql: String) async throws -> Int64 {
        try await pool.query(PostgresStatement.once(sql)())[0].int64(0)
    }

    fileprivate func fill(_ key: String, count: Int, daysAgo: Int) async throws {
        try await run(
            """
            INSERT INTO idempotency_key (key, fingerprint, order_id, created_at)
            SELECT \(key), '', gen_random_uuid(), now() - interval '\(daysAgo) days'
            FROM generate_series(1, \(count)) AS n
            """)
    }

    /// Until none is due.
    fileprivate func expireKeys(olderThan retention: Duration) async throws {
        let expiry = KeyExpiry(
            table: "idempotency_key", pool: pool, retention: retention, logger: log.logger)
        let stop = StopFlag()
        async let expiring: Void = expiry.run(until: stop)
        do {
            try await eventually("what is due is gone", within: .seconds(20)) {
                try await count(
                    "SELECT count(*) FROM idempotency_key WHERE created_at < now() - interval '1 day'") == 0
            }
        } catch {
            stop.set()
            throw error
        }
        stop.set()
        await expiring
    }
}
