import HTTP
import ServiceRuntime
import TestSupport
import Testing

@testable import NotificationsService

@Suite("The API document of notifications")
struct APIDocumentTests {
    private let document: APIDocument

    init() throws { document = try APIDocument(PackageResources.openapi_json) }

    @Test func `it describes every route and nothing else`() async throws {
        try await NotificationsUnderTest.run { notifications in
            let router = notifications.router
            #expect(document.operations == (router.routes + Readiness().routes).operations)
        }
    }
}
