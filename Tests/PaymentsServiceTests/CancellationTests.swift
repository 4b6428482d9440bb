import PaymentsDomain
import TestSupport
import Testing

@testable import PaymentsService

@Suite("Payments of orders that are cancelled")
struct CancellationTests {
    @Test func `a cancellation before the request leaves a tombstone that refuses it`() async throws {
        try await PaymentsHouse.with { house in
            let order = PaymentsHouse.order()
            try await house.open { worker in
                try await house.hear([(order, .cancelling)], worker)
                try await house.hear([(order, .reserved("tok_ok"))], worker)
                try await house.hear([(order, .cancelling)], worker)
            }
            #expect(try await PaymentStore.find(order, in: house.pool)?.state == .voided(nil))
            #expect(try await house.events(order) == ["payments.voided"])
            #expect(try await house.charges() == 0)
        }
    }

    @Test(arguments: [false, true])
    func `a cancellation while the gateway is asked waits for its answer`(declines: Bool) async throws {
        try await PaymentsHouse.with { house in
            let order = PaymentsHouse.order()
            let gateway = ScriptedGateway(isHeld: true) { _ in declines ? .declined(reason: "no") : .captured
            }
            let worker = house.worker(gateway)
            try await house.working(worker) {
                try await house.hear([(order, .reserved("tok_ok"))], worker)
                try await eventually { gateway.captureKeys.count == 1 }
                try await house.hear([(order, .cancelling)], worker)
                #expect(try await house.status(order) == .voiding)
                #expect(try await house.events(order) == [])
                gateway.release()
                try await house.reaches(declines ? .voided : .refunded, order)
            }
            #expect(try await house.events(order) == [declines ? "payments.voided" : "payments.refunded"])
            #expect(gateway.refundKeys == (declines ? [] : ["\(order):refund"]))
            #expect(try await house.openCalls() == 0)
            #expect(try await house.balances([order])[order]?.kept ?? 0 == 0)
        }
    }

    @Test func `a cancellation after the capture gives the money back`() async throws {
        try await PaymentsHouse.with { house in
            let order = PaymentsHouse.order()
            try await house.open { worker in
                try await house.hear([(order, .reserved("tok_ok"))], worker)
                try await house.reaches(.captured, order)
                try await house.hear([(order, .cancelling)], worker)
                try await house.reaches(.refunded, order)
                try await house.hear([(order, .cancelling), (order, .reserved("tok_ok"))], worker)
            }
            #expect(try await house.events(order) == ["payments.captured", "payments.refunded"])
            #expect(try await house.refunds() == 1)
            #expect(try await house.balances([order])[order]?.kept == 0)
            #expect(try await house.openCalls() == 0)
        }
    }

    @Test func `both messages in one batch come to the same, whichever is first`() async throws {
        try await PaymentsHouse.with { house in
            let (late, early) = (PaymentsHouse.order(), PaymentsHouse.order())
            try await house.open { worker in
                try await house.hear(
                    [
                        (late, .cancelling), (early, .reserved("tok_ok")), (early, .cancelling),
                        (late, .reserved("tok_ok")),
                    ], worker)
                try await house.reaches(.refunded, early)
            }
            #expect(try await house.status(late) == .voided)
            #expect(try await house.events(early) == ["payments.refunded"])
            #expect(try await house.charges() == 1)
        }
    }
}
