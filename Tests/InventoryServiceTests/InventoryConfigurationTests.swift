import ServiceRuntime
import Testing

@testable import InventoryService

@Suite("Settings of inventory") struct InventoryConfigurationTests {
    private func configuration(_ environment: [String: String]) throws -> Configuration {
        try Configuration(
            InventoryKeys.table, environment: environment, prefixes: Main.service.prefixes,
            service: "inventory")
    }

    @Test func `what the operator's tools are told of inventory is not inventory's`() throws {
        _ = try configuration([
            "INVENTORY_URL": "http://127.0.0.1:8081", "INVENTORY_PORT": "8081",
            "INVENTORY_DATABASE_PASSWORD": "secret",
        ])
    }

    @Test func `a misspelt setting is refused`() throws {
        let known = try configuration(["RESTOCK_IDEMPOTENCY_SECONDS": "61"])
        #expect(known[InventoryKeys.idempotencyRetention] == .seconds(61))
        #expect(throws: ConfigurationError.self) { try configuration(["RESTOCK_IDEMPOTENCY_SECOND": "61"]) }
    }
}
