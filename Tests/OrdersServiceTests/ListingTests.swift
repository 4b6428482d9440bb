import Kernel
import OrdersDomain
import Postgres
import TestSupport
import Testing

@testable import OrdersService

@Suite("Listing many orders")
struct ListingTests {
    /// The plan depends on what the statistics say of a customer nobody knows yet: one of many, or one of two.
    @Test(arguments: ["'other ' || n", "'ada'"])
    func `a list of one customer's orders reads no other's`(others: String) async throws {
        try await OrdersUnderTest.run { orders in
            try await orders.fill(1...5, customer: "'grace'")
            try await orders.fill(6...30_000, customer: others)
            for status in [nil, OrderStatus.pending, .cancelled] {
                let (page, read) = try await orders.countingReads {
                    try await OrderQueries.list(
                        after: nil, customer: "grace", status: status, limit: 50, in: $0)
                }
                #expect(page.orders.count == (status == .cancelled ? 0 : 5))
                #expect(page.next == nil)
                #expect(read <= 10, "\(status?.rawValue ?? "any status")")
            }
        }
    }
}

extension OrdersUnderTest {
    /// One order for each number, newest last; customer and status are SQL of the number `n`.
    fileprivate func fill(
        _ numbers: ClosedRange<Int>, customer: String = "'ada'", status: String = "'pending'"
    ) async throws {
        try await pool.query(
            PostgresStatement.once(
                """
                INSERT INTO orders
                    (id, customer_id, lines, total_amount, currency, status, created_at, updated_at, deadline)
                SELECT lpad(to_hex(n), 32, '0')::uuid, \(customer), '[]', 0, 'EUR', \(status), now(), now(), now()
                FROM generate_series(\(numbers.lowerBound), \(numbers.upperBound)) AS n
                """)())
        try await pool.query(PostgresStatement.once("ANALYZE orders")())
    }

    /// What `body` returns, and how many rows and entries of indexes of `orders` were read for it, in a session like
    /// those of the service.
    fileprivate func countingReads<R>(_ body: (PostgresPool) async throws -> R) async throws -> (R, Int64) {
        var session = database.asOfService
        session.maxConnections = 1
        let pool = PostgresPool(configuration: session, logger: log.logger)
        do {
            let before = try await reads(in: pool)
            let value = try await body(pool)
            let read = try await reads(in: pool) - before
            await pool.close()
            return (value, read)
        } catch {
            await pool.close()
            throw error
        }
    }

    /// Of the one session that `pool` has: each hands in its numbers by itself, and only now and then.
    private func reads(in pool: PostgresPool) async throws -> Int64 {
        try await pool.query(PostgresStatement.once("SELECT pg_stat_force_next_flush()")())
        return try await pool.query(
            PostgresStatement.once(
                """
                SELECT seq_tup_read + (SELECT sum(idx_tup_read)::bigint FROM pg_stat_user_indexes AS used
                    WHERE used.relid = read.relid)
                FROM pg_stat_user_tables AS read WHERE relid = 'orders'::regclass
                """)()
        )[0].int64(0)
    }
}
