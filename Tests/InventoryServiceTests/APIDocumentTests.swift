import HTTP
import InventoryDomain
import ServiceRuntime
import TestSupport
import Testing

@testable import InventoryService

@Suite("The API document of inventory")
struct APIDocumentTests {
    private let document: APIDocument

    init() throws { document = try APIDocument(PackageResources.openapi_json) }

    @Test func `it describes every route and nothing else`() async throws {
        try await InventoryUnderTest.run { inventory in
            let router = inventory.router
            #expect(document.operations == (router.routes + Readiness().routes).operations)
        }
    }

    @Test func `its limits are those of the code`() throws {
        let schemas = "components/schemas"
        #expect(
            try document.number("\(schemas)/ProductRequest/properties/name/maxLength")
                == Int64(ProductDraft.nameMax))
        #expect(
            try document.number("\(schemas)/RestockRequest/properties/quantity/maximum")
                == Restock.quantityMax)
    }
}
