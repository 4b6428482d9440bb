import Messaging
import PaymentsDomain
import Postgres
import TestSupport
import Testing

@testable import PaymentsService

@Suite("The rules of payments")
struct PaymentRulesTests {
    private static let rules = messagingRules + paymentRules

    static let breaches = [
        Breach(
            "S5", "the entries of each posting",
            """
            CREATE OR REPLACE VIEW ledger_entry AS
            SELECT order_id, kind, account, sign * amount AS amount, currency, at
            FROM posting CROSS JOIN LATERAL (VALUES ('gateway', 1), ('customer', 1)) AS side (account, sign)
            """),
        Breach(
            "S5", "each payment's status",
            """
            INSERT INTO posting (order_id, kind, amount, currency, at)
            VALUES ('CAPTURED', 'refund', 500, 'EUR', now())
            """),
        Breach(
            "S5", "each payment's status",
            "UPDATE payment SET status = 'captured' WHERE order_id = 'DECLINED'"),
        Breach("S5", "a payment that waits", "DELETE FROM gateway_call WHERE order_id = 'REQUESTED'"),
        Breach(
            "S5", "a payment that waits",
            """
            INSERT INTO gateway_call (order_id, kind, leased_until)
            VALUES ('CAPTURED', 'refund', now() + interval '1 hour')
            """),
        Breach(
            "S5", "the gateway answers",
            "UPDATE payment SET updated_at = now() - interval '11 minutes' WHERE order_id = 'REQUESTED'"),
        Breach("S7", "what became", "DELETE FROM outbox WHERE key = 'CAPTURED'"),
    ]

    @Test func `every rule is tried`() { #expect(Breach.untried(paymentRules, by: Self.breaches) == []) }

    @Test(arguments: breaches) func `what was tampered with is noticed`(_ breach: Breach) async throws {
        try await PaymentsHouse.with { house in
            let (captured, declined, requested) = (
                PaymentsHouse.order(), PaymentsHouse.order(), PaymentsHouse.order()
            )
            try await house.open { worker in
                try await house.hear(
                    [(captured, .reserved("tok_ok")), (declined, .reserved("tok_declined"))], worker)
                try await house.reaches(.captured, captured)
                try await house.reaches(.declined, declined)
            }
            // Nobody works any more, so this one has no answer.
            try await house.hear(
                [(requested, .reserved("tok_ok"))], house.worker(ScriptedGateway { _ in .captured }),
                crash: true)
            let database = house.pool.configuration
            #expect(try await database.violations(of: Self.rules) == [])
            let found = try await database.violations(
                of: Self.rules, after: breach,
                replacing: [
                    "CAPTURED": "\(captured)", "DECLINED": "\(declined)", "REQUESTED": "\(requested)",
                ])
            #expect(found.name(breach), "\(found)")
        }
    }

    @Test func `money on its way breaks no rule at any moment`() async throws {
        try await PaymentsHouse.with { house in
            let tokens = ["tok_ok", "tok_declined", "tok_error_once", "tok_timeout_captured"]
            let found = try await house.pool.configuration.violations(of: Self.rules) {
                try await house.open { worker in
                    for _ in 0..<20 {
                        let orders = PaymentsHouse.orders(8)
                        let reserved = orders.enumerated().map {
                            ($1, PaymentMessage.reserved(tokens[$0 % tokens.count]))
                        }
                        try await house.hear(reserved, worker)
                        try await house.hear(orders.prefix(5).map { ($0, .cancelling) }, worker)
                    }
                    try await eventually("all calls are answered") { try await house.openCalls() == 0 }
                }
            }
            #expect(found == [])
            #expect(try await house.pool.configuration.violations(of: Self.rules) == [])
        }
    }
}
