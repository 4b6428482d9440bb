@testable import ShopTool

extension Shop {
    /// Runs a command line in an empty environment, and drops what it prints.
    static func run(_ words: [String]) async throws {
        let shop = Shop(settings: Settings(environment: [:], localFolder: nil), console: Console { _, _ in })
        guard case .run(let command, let arguments) = try Parser(groups: commandTable).parse(words) else {
            return
        }
        _ = try await command.run(arguments, shop)
    }
}
