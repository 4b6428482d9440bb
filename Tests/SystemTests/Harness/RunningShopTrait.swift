import ShopHarness
import Testing

/// Starts the shop before a suite's first test and stops it after its last one.
struct RunningShopTrait: SuiteTrait, TestScoping {
    func provideScope(
        for test: Test, testCase: Test.Case?, performing function: @Sendable () async throws -> Void
    ) async throws {
        try await RunningShop.withShop(on: .fromEnvironment(), .quick) { shop in
            try await RunningShop.$shared.withValue(shop) { try await function() }
        }
    }
}

extension Trait where Self == RunningShopTrait {
    static var runningShop: RunningShopTrait { RunningShopTrait() }
}
