import HTTP
import Kernel
import PaymentsDomain
import TestSupport
import Testing

@testable import PaymentsService

@Suite("GET /v1/payments/{orderId}")
struct PaymentRoutesTests {
    @Test func `a payment is shown by its order`() async throws {
        try await PaymentsHouse.with { house in
            let order = PaymentsHouse.order()
            let worker = house.worker(ScriptedGateway())
            try await house.hear([(order, .reserved("tok_ok"))], worker)
            let answer = try await get("/v1/payments/\(order)", house)
            #expect(answer.status == 200)
            #expect(
                String(decoding: answer.body, as: UTF8.self) == """
                    {"orderId":"\(order)","status":"pending","amount":{"amount":4998,"currency":"EUR"}}

                    """)
        }
    }

    @Test func `a tombstone has no amount`() async throws {
        try await PaymentsHouse.with { house in
            let order = PaymentsHouse.order()
            try await house.hear([(order, .cancelling)], house.worker(ScriptedGateway()))
            let answer = try await get("/v1/payments/\(order)", house)
            #expect(
                String(decoding: answer.body, as: UTF8.self) == #"{"orderId":"\#(order)","status":"voided"}"#
                    + "\n")
        }
    }

    @Test(arguments: ["018f0000-0000-7000-8000-000000000000", "nonsense"])
    func `an unknown order is a 404 with a way out`(id: String) async throws {
        try await PaymentsHouse.with { house in
            let answer = try await get("/v1/payments/\(id)", house)
            #expect(answer.status == 404)
            #expect(answer.headers["Content-Type"] == "application/problem+json")
        }
    }

    private func get(_ path: String, _ house: PaymentsHouse) async throws -> HTTPResponse {
        let router = Router(routes: PaymentRoutes(pool: house.pool).routes, logger: house.log.logger)
        let request = HTTPRequest(.get, path)
        let response = await router.respond(to: request)
        #expect(
            try APIDocument(PackageResources.openapi_json).complaints(about: request, response) == [])
        return response
    }
}
