import Contracts
import Kernel
import Observability
import PaymentsDomain
import Postgres
import TestSupport
import Testing

@testable import PaymentsService

@Suite("Payments after a crash")
struct CrashTests {
    private static let lease = Duration.milliseconds(50)

    @Test func `a call that was never made is made by the next process`() async throws {
        try await PaymentsHouse.with { house in
            let order = PaymentsHouse.order()
            try await house.sandbox { sandbox in
                let dead = house.worker(sandbox, lease: Self.lease)
                try await house.hear([(order, .reserved("tok_ok"))], dead, crash: true)
                let next = house.worker(sandbox, lease: Self.lease)
                try await house.working(next) { try await house.reaches(.captured, order) }
            }
            #expect(try await house.events(order) == ["payments.captured"])
            #expect(try await house.openCalls() == 0)
        }
    }

    @Test func `a call whose answer was lost in the crash takes the money once`() async throws {
        try await PaymentsHouse.with { house in
            let order = PaymentsHouse.order()
            try await house.sandbox { sandbox in
                let dead = house.worker(sandbox, lease: Self.lease)
                try await house.hear([(order, .reserved("tok_ok"))], dead, crash: true)
                let call = OutstandingCall(
                    orderID: order,
                    call: .capture(Charge(amount: Money(amount: 4998, currency: .eur), token: "tok_ok")),
                    cause: nil)
                #expect(try await call.ask(sandbox) == .gatewayCaptured)
                let next = house.worker(sandbox, lease: Self.lease)
                try await house.working(next) { try await house.reaches(.captured, order) }
            }
            #expect(try await house.charges() == 1)
            #expect(try await house.balances([order])[order]?.kept == 4998)
        }
    }

    @Test func `the cause of a call outlives the crash`() async throws {
        try await PaymentsHouse.with { house in
            let order = PaymentsHouse.order()
            let gateway = ScriptedGateway()
            try await house.hear(
                [(order, .reserved("tok_ok"))], house.worker(gateway, lease: .zero), crash: true)
            let calls = try await GatewayCallStore.take(max: 10, lease: .zero, in: house.pool).calls
            #expect(calls.map(\.id) == [OutstandingCall.ID(orderID: order, kind: .capture)])
            #expect(calls.first?.cause?.id != nil)
            #expect(calls.first?.cause?.correlationID == order)
        }
    }

    @Test func `a call nobody can read does not keep the others from being made`() async throws {
        try await PaymentsHouse.with { house in
            let orders = PaymentsHouse.orders(3)
            let gateway = ScriptedGateway()
            let dead = house.worker(gateway, lease: Self.lease)
            try await house.hear(orders.map { ($0, .reserved("tok_ok")) }, dead, crash: true)
            let sql = PostgresStatement.once("UPDATE payment SET currency = 'euro' WHERE order_id = $1")
            try await house.pool.query(sql(orders[1]))
            let next = house.worker(gateway, lease: Self.lease)
            try await house.working(next) {
                try await house.reaches(.captured, orders[0])
                try await house.reaches(.captured, orders[2])
            }
            #expect(
                house.log.lines.contains {
                    $0.level == .error && $0.metadata[LogKey.error]?.contains("\(orders[1])") == true
                })
        }
    }

    @Test func `two workers on the same calls capture each order once`() async throws {
        try await PaymentsHouse.with { house in
            let orders = PaymentsHouse.orders(200)
            try await house.sandbox { sandbox in
                let one = house.worker(sandbox, lease: .zero)
                let other = house.worker(sandbox, lease: .zero)
                try await house.hear(orders.map { ($0, .reserved("tok_ok")) }, one, crash: true)
                try await house.working(one, other) {
                    try await eventually("all calls are answered") { try await house.openCalls() == 0 }
                }
            }
            #expect(try await house.charges("state = 'captured'") == 200)
            let query = "(SELECT key FROM outbox WHERE topic = 'payments.captured' GROUP BY key) AS k"
            #expect(try await house.count(query, in: house.pool) == 200)
            #expect(try await house.count("outbox", in: house.pool) == 200)
            #expect(try await house.balances(orders).values.allSatisfy { $0.kept == 4998 })
            #expect(try await house.count("ledger_entry", in: house.pool) == 400)
        }
    }

    @Test func `a clean stop gives up the calls that have no answer`() async throws {
        try await PaymentsHouse.with { house in
            let order = PaymentsHouse.order()
            let gateway = ScriptedGateway(isHeld: true)
            let worker = house.worker(gateway, lease: .seconds(60))
            try await house.working(worker) {
                try await house.hear([(order, .reserved("tok_ok"))], worker)
                try await eventually { gateway.captureKeys.count == 1 }
            }
            #expect(try await house.count("gateway_call WHERE leased_until <= now()", in: house.pool) == 1)
            #expect(try await house.status(order) == .requested)
        }
    }

    @Test func `a call that is still out keeps its lease`() async throws {
        try await PaymentsHouse.with { house in
            let order = PaymentsHouse.order()
            let gateway = ScriptedGateway(isHeld: true)
            // Long beside what a busy machine takes for the renewal, which is due after a third of it.
            let lease = Duration.seconds(6)
            let worker = house.worker(gateway, lease: lease)
            let rival = house.worker(gateway, lease: lease)
            try await house.working(worker, rival) {
                try await house.hear([(order, .reserved("tok_ok"))], worker)
                try await eventually("the lease is renewed") {
                    try await house.count(
                        "gateway_call WHERE attempts = 1 AND leased_until > now() + interval '5 s'",
                        in: house.pool) == 1
                }
                gateway.release()
                try await house.reaches(.captured, order)
            }
            #expect(gateway.captureKeys == ["\(order):capture"])
        }
    }
}
