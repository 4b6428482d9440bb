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

    /// A page looks at 10,000 orders: here it ends with one that matches, and comes back full or short.
    @Test(arguments: [nil, "ada"], [200, 101, 100, 70])
    func `pages by status cover everything once, and each reads what it may look at`(
        customer: String?, limit: Int
    ) async throws {
        try await OrdersUnderTest.run { orders in
            try await orders.fill(
                1...25_000,
                status: "CASE WHEN n % 100 = 0 OR n = 15001 THEN 'confirmed' ELSE 'pending' END")
            var seen: [Identifier] = []
            var cursor: Identifier?
            repeat {
                let (page, read) = try await orders.countingReads { [cursor] in
                    try await OrderQueries.list(
                        after: cursor, customer: customer, status: .confirmed, limit: limit, in: $0)
                }
                // Postgres reads one row ahead of a limit.
                #expect(read <= OrderQueries.scannedMax + 2)
                #expect(page.orders.count <= limit)
                seen += page.orders.map(\.id)
                cursor = page.next
            } while cursor != nil
            let numbers = stride(from: 25_000, through: 100, by: -100).flatMap { number in
                number == 15_000 ? [15_001, 15_000] : [number]
            }
            #expect(seen == numbers.map { Identifier(high: 0, low: UInt64($0)) })
        }
    }

    @Test func `what is placed while a page is read makes the next one repeat nothing`() async throws {
        try await OrdersUnderTest.run { orders in
            try await orders.fill(
                1...12_000, status: "CASE WHEN n % 100 = 0 THEN 'confirmed' ELSE 'pending' END")
            let first = try await orders.page { try await orders.fill(12_001...12_150, on: $0) }
            let cursor = try #require(first.next)
            let second = try await orders.page(after: cursor)
            let numbers = stride(from: UInt64(12_000), through: 100, by: -100)
            #expect((first.orders + second.orders).map(\.id) == numbers.map { Identifier(high: 0, low: $0) })
            #expect(second.next == nil)
        }
    }
}

extension OrdersUnderTest {
    fileprivate typealias Page = (orders: [OrderView], next: Identifier?)

    fileprivate func page(after id: Identifier? = nil) async throws -> Page {
        try await OrderQueries.list(after: id, customer: nil, status: .confirmed, limit: 200, in: pool)
    }

    /// A page that is read while `placing` waits for the table, to have it as soon as no statement reads from it.
    fileprivate func page(
        placing: @Sendable @escaping (PostgresConnection) async throws -> Void
    ) async throws -> Page {
        try await PostgresConnection.with(database, logger: log.logger) { holder in
            try await holder.simple("BEGIN; LOCK TABLE orders", timeout: .seconds(30))
            async let page = page()
            try await untilWaiting(1)
            async let placed: Void = PostgresConnection.with(database, logger: log.logger) {
                try await $0.simple("BEGIN; LOCK TABLE orders", timeout: .seconds(30))
                try await placing($0)
                try await $0.simple("COMMIT", timeout: .seconds(30))
            }
            try await untilWaiting(2)
            try await holder.simple("ROLLBACK", timeout: .seconds(30))
            try await placed
            return try await page
        }
    }

    private func untilWaiting(_ count: Int64) async throws {
        let waiting = PostgresStatement.once(
            "SELECT count(*) FROM pg_locks WHERE relation = 'orders'::regclass AND NOT granted")
        try await eventually("\(count) wait for the table") {
            try await pool.query(waiting())[0].int64(0) == count
        }
    }

    /// One order for each number, newest last; customer and status are SQL of the number `n`.
    fileprivate func fill(
        _ numbers: ClosedRange<Int>, customer: String = "'ada'", status: String = "'pending'"
    ) async throws {
        try await pool.withConnection {
            try await fill(numbers, customer: customer, status: status, on: $0)
            try await $0.simple("ANALYZE orders", timeout: .seconds(30))
        }
    }

    fileprivate func fill(
        _ numbers: ClosedRange<Int>, customer: String = "'ada'", status: String = "'pending'",
        on connection: PostgresConnection
    ) async throws {
        try await connection.simple(
            """
            INSERT INTO orders
                (id, customer_id, lines, total_amount, currency, status, created_at, updated_at, deadline)
            SELECT lpad(to_hex(n), 32, '0')::uuid, \(customer), '[]', 0, 'EUR', \(status), now(), now(), now()
            FROM generate_series(\(numbers.lowerBound), \(numbers.upperBound)) AS n
            """, timeout: .seconds(30))
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
