import HTTP
import Kernel
import Postgres

/// The HTTP side of notifications: what customers were told.
struct NotificationRoutes: Sendable {
    let pool: PostgresPool

    var routes: [Route] {
        [
            Route(.get, "/v1/notifications") { try await list($0) },
            .apiDocument(PackageResources.openapi_json),
        ]
    }

    private func list(_ request: HTTPRequest) async throws -> HTTPResponse {
        guard let text = request.query("orderId") else { throw Problem.noOrderID }
        guard let orderID = Identifier(text) else { throw Problem.invalidOrderID }
        return try .json(NotificationList(notifications: try await MessageStore.list(of: orderID, in: pool)))
    }
}
