import ShopHarness
import TestSupport
import Testing

/// Gives a suite a shop of its own, on a broker of its own that asks who comes.
struct SecuredShopTrait: SuiteTrait, TestScoping {
    let security: SecuredBroker.Security

    func provideScope(
        for test: Test, testCase: Test.Case?, performing function: @Sendable () async throws -> Void
    ) async throws {
        try await SecuredBroker.with(security) { broker in
            let settings = Settings(
                postgres: try .fromEnvironment(), bootstrapServers: broker.address, brokerKind: .apache,
                securedBroker: broker)
            try await RunningShop.withShop(on: settings, .quick) { shop in
                try await RunningShop.$shared.withValue(shop) { try await function() }
            }
        }
    }
}

extension Trait where Self == SecuredShopTrait {
    static func securedShop(_ security: SecuredBroker.Security) -> SecuredShopTrait {
        SecuredShopTrait(security: security)
    }
}
