import Kernel
import Messaging
import Postgres
import TestSupport
import Testing

@testable import SalesService

@Suite("The rules of sales")
struct SalesRulesTests {
    static let breaches = [
        Breach(
            "S8", "no confirmation waits",
            "UPDATE sale SET updated_at = now() - interval '61 minutes' WHERE order_id = 'WAITING'"),
        Breach(
            "S8", "what is counted is told",
            "UPDATE sales_sum SET updated_at = now() - interval '16 minutes' WHERE NOT is_told"),
        Breach(
            "S8", "what is counted is told",
            """
            UPDATE sales_sum SET starts_at = '9999-12-31 23:59Z', updated_at = now() - interval '16 minutes'
            WHERE NOT is_told
            """),
    ]

    @Test func `every rule is tried`() {
        #expect(Breach.untried(salesRules, by: Self.breaches) == [])
    }

    private var secondsUntilNow: Double { Double(Timestamp.now().since(minute).components.seconds + 1) }

    @Test func `the end of an order that is older than the service may wait for ever`() async throws {
        try await SalesUnderTest.run { sales in
            let id = Identifier.fresh()
            try await sales.handle(.confirmed(id))
            let aged = "UPDATE sale SET updated_at = now() - interval '1 year'"
            try await sales.pool.query(PostgresStatement.once(aged)())
            #expect(try await sales.pool.configuration.violations(of: salesRules) == [])
        }
    }

    @Test(arguments: breaches) func `what was tampered with is noticed`(_ breach: Breach) async throws {
        try await SalesUnderTest.run { sales in
            let (counted, waiting) = (Identifier.fresh(), Identifier.fresh())
            try await sales.handle(
                .created(counted, ("tea", 1)), .confirmed(counted), .confirmed(waiting, at: secondsUntilNow))
            let database = sales.pool.configuration
            #expect(try await database.violations(of: messagingRules + salesRules) == [])
            let found = try await database.violations(
                of: messagingRules + salesRules, after: breach, replacing: ["WAITING": "\(waiting)"])
            #expect(found.name(breach), "\(found)")
        }
    }
}
