@main enum Main {
    static func main() async {
        let console = Console.standard
        let words = Array(CommandLine.arguments.dropFirst())
        let code = await run(words, Shop(settings: .process, console: console))
        code.end()
    }

    /// Does what the words ask for; never throws, as every error has its line here.
    static func run(_ words: [String], _ shop: Shop) async -> ExitCode {
        do {
            switch try Parser(groups: commandTable).parse(words) {
            case .help(let text):
                shop.console.say(text)
                return .success
            case .run(let command, let arguments):
                return try await command.run(arguments, shop)
            }
        } catch let error as UsageError {
            shop.console.note("shop: \(error)")
            return .usage
        } catch {
            shop.console.note("shop: \(explain(error, shop.settings))")
            return .failure
        }
    }
}

/// Everything this tool can do.
let commandTable: [CommandGroup] = [
    CommandGroup(name: "setup", commands: [SetupCommand.setup]),
    CommandGroup(name: "order", commands: OrderCommands.all),
    CommandGroup(name: "products", commands: [ProductCommands.list]),
    CommandGroup(name: "topics", commands: [TopicCommands.topics]),
    CommandGroup(name: "lag", commands: [TopicCommands.lag]),
    CommandGroup(name: "outbox", commands: OutboxCommands.all),
    CommandGroup(name: "dead-letters", commands: DeadLetterCommands.all),
    CommandGroup(name: "audit", commands: [AuditCommand.audit]),
    CommandGroup(name: "replay", commands: [ReplayCommand.replay]),
    CommandGroup(name: "trace", commands: [TraceCommand.trace]),
    CommandGroup(name: "doctor", commands: [DoctorCommand.doctor]),
    CommandGroup(name: "health", commands: [HealthCommand.health]),
]
