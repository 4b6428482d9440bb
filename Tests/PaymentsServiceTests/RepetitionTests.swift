import Kernel
import Observability
import PaymentsDomain
import Postgres
import TestSupport
import Testing

@testable import PaymentsService

@Suite("Payments that are heard of twice")
struct RepetitionTests {
    @Test func `a repeated batch changes nothing`() async throws {
        try await PaymentsHouse.with { house in
            let orders = PaymentsHouse.orders(20)
            let batch = orders.map { ($0, PaymentMessage.reserved("tok_ok")) }
            let gateway = ScriptedGateway()
            let worker = house.worker(gateway)
            try await house.working(worker) {
                try await house.hear(batch + batch, worker)
                try await house.hear(batch, worker)
                try await eventually { try await house.openCalls() == 0 }
                try await house.hear(batch, worker)
            }
            #expect(gateway.captureKeys.count == 20)
            #expect(try await house.openCalls() == 0)
            #expect(try await house.count("outbox", in: house.pool) == 20)
            #expect(try await house.count("payment WHERE version = 2", in: house.pool) == 20)
        }
    }

    @Test func `two instances that hear of the same order at once make one payment`() async throws {
        try await PaymentsHouse.with { house in
            let orders = PaymentsHouse.orders(100)
            let gateway = ScriptedGateway()
            let worker = house.worker(gateway)
            try await house.working(worker) {
                async let reserved: Void = house.hear(orders.map { ($0, .reserved("tok_ok")) }, worker)
                async let cancelled: Void = house.hear(orders.reversed().map { ($0, .cancelling) }, worker)
                _ = try await (reserved, cancelled)
                try await eventually("every payment is settled") {
                    try await house.count("payment WHERE status IN ('refunded', 'voided')", in: house.pool)
                        == 100
                }
            }
            let settled = "outbox WHERE topic IN ('payments.refunded', 'payments.voided')"
            #expect(try await house.count(settled, in: house.pool) == 100)
            #expect(try await house.balances(orders).values.allSatisfy { $0.kept == 0 })
        }
    }

    @Test func `a gateway without an answer is asked again with the same key`() async throws {
        try await PaymentsHouse.with { house in
            let order = PaymentsHouse.order()
            let gateway = ScriptedGateway { attempt throws(GatewayError) in
                guard attempt > 3 else { throw attempt == 1 ? .timedOut : .unavailable }
                return .captured
            }
            let worker = house.worker(gateway)
            try await house.working(worker) {
                try await house.hear([(order, .reserved("tok_ok"))], worker)
                try await house.reaches(.captured, order)
            }
            #expect(gateway.captureKeys == Array(repeating: "\(order):capture", count: 4))
        }
    }

    @Test func `an answer that can't be stored is not called none`() async throws {
        try await PaymentsHouse.with { house in
            let order = PaymentsHouse.order()
            let worker = house.worker(ScriptedGateway())
            try await house.pool.query(
                PostgresStatement.once("ALTER TABLE posting ADD CONSTRAINT wrong CHECK (amount <> 777)")())
            try await house.working(worker) {
                try await house.hear([(order, .reserved("tok_ok", amount: 777))], worker)
                try await eventually("it is logged") {
                    house.log.lines.contains {
                        $0.message == "the gateway's answer can't be stored, asking again"
                            && $0.level == .error && $0.metadata[LogKey.orderID] == order.description
                    }
                }
            }
            #expect(!house.log.lines.contains { $0.message.hasPrefix("no answer from the gateway") })
            #expect(try await house.status(order) == .requested)
        }
    }

    @Test func `the ledger agrees with the payments after a mixed run`() async throws {
        try await PaymentsHouse.with { house in
            let tokens = ["tok_ok", "tok_declined", "tok_timeout_captured", "tok_error_once", "tok_ok"]
            let orders = PaymentsHouse.orders(150)
            try await house.open { worker in
                let reserved = orders.enumerated().map { index, order in
                    (order, PaymentMessage.reserved(tokens[index % tokens.count], amount: Int64(index + 1)))
                }
                try await house.hear(reserved, worker)
                try await house.hear(orders.filter { $0.low % 3 == 0 }.map { ($0, .cancelling) }, worker)
                try await eventually("all calls are answered") { try await house.openCalls() == 0 }
            }
            let balances = try await house.balances(orders)
            for order in orders {
                guard let payment = try await PaymentStore.find(order, in: house.pool) else {
                    Issue.record("no payment for \(order)")
                    continue
                }
                let expected = payment.state.status == .captured ? payment.state.charge?.amount.amount : 0
                #expect(balances[order]?.kept ?? 0 == expected)
            }
            let kept = balances.values.reduce(0) { $0 + $1.kept }
            let theirs = PostgresStatement.once(
                """
                SELECT coalesce(sum(amount) FILTER (WHERE state = 'captured'), 0)::bigint
                    - coalesce((SELECT sum(amount) FROM refund), 0)::bigint FROM charge
                """)
            #expect(try await house.gatewayPool.query(theirs())[0].int64(0) == kept)
        }
    }

    @Test(arguments: ["UPDATE posting SET amount = 1", "DELETE FROM posting", "TRUNCATE posting"])
    func `the ledger can't be changed, even by its owner`(sql: String) async throws {
        try await PaymentsHouse.with { house in
            let error = await #expect(throws: PostgresError.self) {
                _ = try await house.pool.query(PostgresStatement.once(sql)())
            }
            #expect(error?.sqlState == .insufficientPrivilege)
        }
    }

    @Test func `a backlog larger than memory is worked off`() async throws {
        try await PaymentsHouse.with { house in
            let gateway = ScriptedGateway()
            let worker = house.worker(gateway, lease: .milliseconds(200))
            for _ in 0..<20 {
                try await house.hear(PaymentsHouse.orders(250).map { ($0, .reserved("tok_ok")) }, worker)
            }
            try await house.working(worker) {
                try await eventually("all calls are answered", within: .seconds(30)) {
                    try await house.openCalls() == 0
                }
            }
            #expect(try await house.count("payment WHERE status = 'captured'", in: house.pool) == 5000)
        }
    }
}
