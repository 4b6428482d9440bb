import Kernel
import Observability
import PaymentsDomain
import TestSupport
import Testing

@testable import PaymentsService

@Suite("Payments by token, against the sandbox")
struct PaymentTokenTests {
    @Test(arguments: [
        "tok_ok", "tok_slow", "tok_timeout_captured", "tok_timeout_lost", "tok_error_once",
    ])
    func `the money is taken once, however the answer comes`(token: String) async throws {
        try await PaymentsHouse.with { house in
            let order = PaymentsHouse.order()
            try await house.open { worker in
                try await house.hear([(order, .reserved(token))], worker)
                try await house.reaches(.captured, order)
            }
            #expect(try await house.events(order) == ["payments.captured"])
            #expect(try await house.charges("state = 'captured'") == 1)
            #expect(try await house.charges() == 1)
            #expect(try await house.openCalls() == 0)
            #expect(try await house.balances([order])[order]?.kept == 4998)
        }
    }

    @Test(arguments: [("tok_declined", "insufficient_funds"), ("tok_no_such", "unknown_token")])
    func `a declined payment says why and moves no money`(token: String, reason: String) async throws {
        try await PaymentsHouse.with { house in
            let order = PaymentsHouse.order()
            try await house.open { worker in
                try await house.hear([(order, .reserved(token))], worker)
                try await house.reaches(.declined, order)
            }
            #expect(try await house.events(order) == ["payments.declined"])
            #expect(try await PaymentStore.find(order, in: house.pool)?.reason == reason)
            #expect(try await house.charges("state = 'captured'") == 0)
            #expect(try await house.openCalls() == 0)
            #expect(try await house.balances([order]).isEmpty)
        }
    }

    @Test(arguments: ["tok_slow", "tok_timeout_captured", "tok_timeout_lost", "tok_error_once"])
    func `a call without an answer is made again`(token: String) async throws {
        try await PaymentsHouse.with { house in
            let order = PaymentsHouse.order()
            try await house.open { worker in
                try await house.hear([(order, .reserved(token))], worker)
                try await house.reaches(.captured, order)
            }
            let asked = house.log.lines.filter { $0.message == "no answer from the gateway, asking again" }
            #expect(asked.first?.metadata[LogKey.orderID] == order.description)
        }
    }

    @Test func `the sandbox gives one answer per key, at once or later`() async throws {
        try await PaymentsHouse.with { house in
            try await house.sandbox { sandbox in
                let request = CaptureRequest(
                    key: "k", orderID: PaymentsHouse.order(), amount: Money(amount: 5, currency: .eur),
                    token: "tok_ok")
                let answers = try await withThrowingTaskGroup(of: CaptureAnswer.self) { group in
                    for _ in 0..<20 { group.addTask { try await sandbox.capture(request) } }
                    return try await group.reduce(into: []) { $0.append($1) }
                }
                #expect(answers == Array(repeating: .captured, count: 20))
                #expect(try await house.charges() == 1)
                let refund = RefundRequest(key: "r", captureKey: "k", amount: request.amount)
                try await sandbox.refund(refund)
                try await sandbox.refund(refund)
                #expect(try await house.refunds() == 1)
                await #expect(throws: GatewayError.refused("no such charge to refund: nothing")) {
                    try await sandbox.refund(
                        RefundRequest(key: "r2", captureKey: "nothing", amount: request.amount))
                }
            }
        }
    }
}
