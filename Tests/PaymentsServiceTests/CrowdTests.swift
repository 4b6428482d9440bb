import Kernel
import PaymentsDomain
import Postgres
import TestSupport
import Testing

@testable import PaymentsService

@Suite("Many calls to the gateway at once")
struct CrowdTests {
    /// What each statement about them costs, by what Postgres says that it did.
    @Test(arguments: ["delete", "take", "renew"])
    func `grows with the calls, not with their square`(_ name: String) async throws {
        try await PaymentsHouse.with { house in
            let orders = try await house.crowd(2000)
            let kinds = Array(repeating: Posting.Kind.capture.rawValue, count: orders.count)
            let steps =
                switch name {
                case "delete": try await house.explain(GatewayCallStore.delete) { $0(orders, kinds[0]) }
                case "take": try await house.explain(GatewayCallStore.take) { $0(Int64(4096), Int64(3000)) }
                default:
                    try await house.explain(GatewayCallStore.renew) {
                        $0(orders, kinds, orders.map { _ in Int32(1) }, Int64(3000))
                    }
                }
            #expect(steps.contains { $0.contains("actual rows=2000") }, "\(steps)")
            #expect(!steps.contains { $0.contains("Removed by") }, "\(steps)")
            // Only who looks for what has expired looks at all.
            if name != "take" {
                #expect(steps.contains { $0.contains("Index Cond: ((order_id") }, "\(steps)")
            }
        }
    }
}

extension PaymentsHouse {
    /// Calls that nobody holds, in a table that was large once, and had one row when they were last counted.
    fileprivate func crowd(_ count: Int) async throws -> [Identifier] {
        let fill = PostgresStatement.once(
            """
            INSERT INTO gateway_call (order_id, kind, leased_until)
            SELECT order_id, 'capture', now() - interval '1 s' FROM unnest($1::uuid[]) AS asked (order_id)
            """)
        let last = Self.orders(10 * count)
        try await pool.query(fill(last))
        try await pool.query(
            PostgresStatement.once("DELETE FROM gateway_call WHERE order_id <> $1")(last[last.count - 1]))
        try await pool.query(PostgresStatement.once("VACUUM ANALYZE gateway_call")())
        let orders = Self.orders(count - 1)
        try await pool.query(fill(orders))
        return orders + [last[last.count - 1]]
    }

    /// What Postgres does for `statement` in a session like those of the service.
    fileprivate func explain(
        _ statement: PostgresStatement, _ bind: (PostgresStatement) -> PostgresQuery
    ) async throws -> [String] {
        let session = PostgresPool(configuration: pool.configuration.asOfService, logger: log.logger)
        do {
            let explained = PostgresStatement.once(
                "EXPLAIN (ANALYZE, COSTS OFF, TIMING OFF, SUMMARY OFF) " + statement.sql)
            let steps = try await session.query(bind(explained)).map { try $0.string(0) }
            await session.close()
            return steps
        } catch {
            await session.close()
            throw error
        }
    }
}
