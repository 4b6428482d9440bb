import HTTP
import Kernel
import OrdersDomain
import ServiceRuntime
import TestSupport
import Testing

@testable import OrdersService

@Suite("The API document of orders")
struct APIDocumentTests {
    private let document: APIDocument

    init() throws { document = try APIDocument(PackageResources.openapi_json) }

    @Test func `it describes every route and nothing else`() async throws {
        try await OrdersUnderTest.run { orders in
            let router = orders.router
            #expect(document.operations == (router.routes + Readiness().routes).operations)
        }
    }

    @Test func `its limits are those of the code`() throws {
        let request = "components/schemas/OrderRequest/properties"
        #expect(try document.number("\(request)/lines/maxItems") == Int64(OrderDraft.linesMax))
        #expect(
            try document.number("\(request)/lines/items/properties/quantity/maximum")
                == OrderDraft.quantityMax)
        #expect(try document.number("\(request)/customerId/maxLength") == Int64(OrderDraft.textMax))
        #expect(try document.number("\(request)/paymentToken/maxLength") == Int64(OrderDraft.textMax))
        #expect(try document.number("\(request)/email/maxLength") == Int64(TextRule.addressMax))
    }

    @Test func `it is served as it stands`() async throws {
        try await OrdersUnderTest.run { orders in
            let answer = await orders.get("/openapi.json")
            #expect(answer.status == 200)
            #expect(answer.body == PackageResources.openapi_json)
        }
    }

    @Test func `what it does not say is found`() throws {
        let read = HTTPRequest(.get, "/v1/orders/1")
        let problem: HTTPHeaders = ["Content-Type": "application/problem+json"]
        #expect(document.complaints(about: read, HTTPResponse(status: 404, headers: problem)) == [])
        for wrong in [
            HTTPResponse(status: 410, headers: problem), HTTPResponse(status: 404),
            HTTPResponse(status: 304, headers: problem),
            HTTPResponse(status: 404, headers: ["Content-Type": "application/problem+json", "X-More": "1"]),
        ] {
            #expect(document.complaints(about: read, wrong) != [])
        }
    }
}
