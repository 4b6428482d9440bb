import HTTP
import ServiceRuntime
import TestSupport
import Testing

@testable import PaymentsService

@Suite("The API document of payments")
struct APIDocumentTests {
    private let document: APIDocument

    init() throws { document = try APIDocument(PackageResources.openapi_json) }

    @Test func `it describes every route and nothing else`() async throws {
        try await PaymentsHouse.with { house in
            let router = Router(
                routes: PaymentRoutes(pool: house.pool).routes, logger: house.log.logger)
            #expect(document.operations == (router.routes + Readiness().routes).operations)
        }
    }
}
