import HTTP
import ServiceRuntime
import TestSupport
import Testing

@testable import SalesService

@Suite("The API document of sales")
struct APIDocumentTests {
    private let document: APIDocument

    init() throws { document = try APIDocument(PackageResources.openapi_json) }

    @Test func `it describes every route and nothing else`() async throws {
        try await SalesUnderTest.run { sales in
            #expect(document.operations == (sales.router.routes + Readiness().routes).operations)
        }
    }

    @Test func `its limits are the service's own`() throws {
        let minutes = "components/parameters/Minutes/schema/maximum"
        #expect(try document.number(minutes) == Int64(SalesRoutes.minutesMax))
    }
}
