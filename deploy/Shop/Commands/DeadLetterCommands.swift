import Kernel
import Postgres

/// `shop dead-letters`: the records a service could not handle, and what to do about each.
enum DeadLetterCommands {
    static let all = [list, show, retry, discard]

    /// A running service looks for letters to retry every second.
    private static let redriveTimeout = Duration.seconds(15)

    private static let state = CommandOption.choice(
        "--state", of: ["parked", "retry", "redriven", "discarded"], "in this state alone")

    static let list = Command(
        verb: "list", summary: "list the records that services could not handle",
        options: [
            .service, state, .number("--limit", "N", in: 1...1000, "per service, the newest [100]"), .json,
        ],
        details: """
            parked: waits for a person. retry: asked for, not yet done. redriven: handled after all. discarded: given up.
            """,
        run: { arguments, shop in
            var table = Table(
                "id", "state", "topic", "partition", "offset", "bytes", "attempts", "firstSeen", "error")
            for service in shop.services(arguments) {
                let letters = try await shop.withDatabase(schema: service) { connection in
                    try await LetterStore.list(
                        service, state: arguments.text("--state"), limit: arguments.number("--limit") ?? 100,
                        connection)
                }
                for letter in letters {
                    table.add(
                        .text(letter.id.description), .text(letter.state), .text(letter.topic),
                        .number(Int64(letter.partition)), .number(letter.offset),
                        .number(Int64(letter.bytes)), .number(Int64(letter.attempts)),
                        .text(letter.firstSeen.description), .text(letter.error))
                }
            }
            if table.rows.isEmpty, !arguments.has("--json") {
                shop.console.say("no dead letters")
            } else {
                shop.console.show(table, asJSON: arguments.has("--json"))
            }
            return .success
        })

    static let show = Command(
        verb: "show", summary: "print one with its headers and its value", operands: [Operand(name: "ID")],
        details: "ID is as `shop dead-letters list` prints it: orders/7.",
        run: { arguments, shop in
            let id = try LetterID(arguments)
            let letter = try await shop.withDatabase(schema: id.service) {
                try await LetterStore.find(id, $0)
            }
            guard let letter else { throw id.unknown }
            for line in letter.lines { shop.console.say(line) }
            return .success
        })

    static let retry = Command(
        verb: "retry", summary: "have the service try again, and wait for what comes of it",
        operands: [Operand(name: "ID", isRequired: false)],
        options: [.flag("--all", "all that are parked, oldest first"), .service],
        details: """
            The running service handles the record as if it had just come; what it handled before changes nothing. Says
            what became of each; exits with 1 unless all were handled.
            """,
        run: { arguments, shop in
            guard arguments.has("--all") != (arguments.operand() != nil) else {
                throw UsageError("`shop dead-letters retry` needs either an ID or --all")
            }
            let ids =
                arguments.has("--all")
                ? try await parked(shop.services(arguments), shop) : [try LetterID(arguments)]
            if ids.isEmpty { shop.console.say("no dead letters are parked") }
            return try await retry(ids, shop)
        })

    static let discard = Command(
        verb: "discard", summary: "give one up; it stays on record with the reason",
        operands: [Operand(name: "ID")],
        options: [
            CommandOption(
                name: "--reason", value: .text("REASON"), isRequired: true,
                meaning: "why, for whoever asks later")
        ],
        run: { arguments, shop in
            let id = try LetterID(arguments)
            let reason = arguments.text("--reason") ?? ""
            let isDone = try await shop.withDatabase(schema: id.service) {
                try await LetterStore.discard(id, reason: reason, $0)
            }
            guard isDone else {
                throw Failure("\(id) is not parked: see `shop dead-letters show \(id)`")
            }
            shop.console.say("\(id): discarded")
            return .success
        })

    private static func parked(_ services: [String], _ shop: Shop) async throws -> [LetterID] {
        var ids: [LetterID] = []
        for service in services {
            ids += try await shop.withDatabase(schema: service) { try await LetterStore.parked(service, $0) }
        }
        return ids
    }

    private static func retry(_ ids: [LetterID], _ shop: Shop) async throws -> ExitCode {
        var code = ExitCode.success
        // Services that let one wait to the end of its time: those after it are asked for, and not waited for.
        var absent: Set<String> = []
        for id in ids {
            let timeout = absent.contains(id.service) ? .zero : redriveTimeout
            let letter = try await shop.withDatabase(schema: id.service) { connection -> Letter? in
                guard try await LetterStore.mark(id, connection) else { return nil }
                let deadline = ContinuousClock.now + timeout
                while true {
                    let letter = try await LetterStore.find(id, connection)
                    guard letter?.state == "retry", ContinuousClock.now < deadline else { return letter }
                    try await Task.sleep(for: .milliseconds(100))
                }
            }
            switch letter?.state {
            case nil: throw Failure("\(id) can't be tried again: see `shop dead-letters show \(id)`")
            case "redriven": shop.console.say("\(id): handled")
            case "retry":
                shop.console.say("\(id): still waiting; is \(id.service) running? It tries as soon as it is")
                absent.insert(id.service)
                code = .failure
            default:
                shop.console.say("\(id): parked again: \((letter?.error ?? "").oneLine)")
                code = .failure
            }
        }
        return code
    }
}

/// Which dead letter: each service numbers its own.
struct LetterID: Sendable, Equatable, CustomStringConvertible {
    let service: String
    let number: Int64

    var description: String { "\(service)/\(number)" }

    init(service: String, number: Int64) {
        self.service = service
        self.number = number
    }

    /// From `orders/7`, or from `7` with `--service orders`.
    init(_ arguments: Arguments) throws(UsageError) {
        let text = arguments.operand() ?? ""
        let parts = text.split(separator: "/", omittingEmptySubsequences: false)
        if parts.count == 1, let service = arguments.text("--service"), let number = Int64(text) {
            self.init(service: service, number: number)
        } else if parts.count == 2, let number = Int64(parts[1]), Shop.services.contains(String(parts[0])) {
            if let service = arguments.text("--service"), service != parts[0] {
                throw UsageError("`\(text)` is of \(parts[0]), `--service` says \(service): leave one out")
            }
            self.init(service: String(parts[0]), number: number)
        } else {
            throw UsageError("the id of a dead letter looks like orders/7, not `\(text)`")
        }
    }

    var unknown: Failure { Failure("there is no dead letter \(self): see `shop dead-letters list`") }
}
