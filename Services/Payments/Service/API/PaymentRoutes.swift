import HTTP
import Kernel
import Postgres

/// The HTTP side of payments: what became of an order's money.
struct PaymentRoutes: Sendable {
    let pool: PostgresPool

    var routes: [Route] {
        [
            Route(.get, "/v1/payments/{orderId}") { try await read($0) },
            .apiDocument(PackageResources.openapi_json),
        ]
    }

    private func read(_ request: HTTPRequest) async throws -> HTTPResponse {
        guard let id = Identifier(request.parameter("orderId")),
            let payment = try await PaymentStore.find(id, in: pool)
        else { throw Problem.noSuchPayment }
        return try .json(PaymentView(payment))
    }
}
