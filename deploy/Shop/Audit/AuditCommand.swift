import Kafka
import Postgres

/// `shop audit`: whether the shop's books are right, from Postgres, the topics and the gateway's own ledger.
enum AuditCommand {
    /// How long one look at everything may take.
    static let patience = Duration.seconds(600)

    static let audit = Command(
        verb: nil, summary: "check that nothing was lost, doubled or left lying, in the shop's own books",
        options: [
            .flag("--at-rest", "no order is under way: demand that every order has ended and nothing waits"),
            .flag(
                "--no-topics",
                "leave out what has to be read from Kafka: H1, H2, H4, H5, and H3 of the topics"),
            .number("--dead-letters", "N", in: 0...1_000_000, "so many records were spoilt on purpose [0]"),
            .json,
        ],
        details: """
            S1 an order per idempotency key. S2 each order has one end, borne out by what was heard. S3, S4 stock adds up
            and is held for nobody twice. S5 money adds up, in our ledger and in the gateway's. S6 each customer is told
            once. S7 each order's events are a path of the dance. S8 what was sold is counted. H1 nothing lost, H2 nothing
            made up, H3 nothing turned around, H4 no key on two partitions, H5 nothing waits, H6 no dead letters.

            Postgres is read in one snapshot, so it can be asked while the shop runs. Exits with 1 on a violation.
            """,
        run: { arguments, shop in
            let findings = try await findings(arguments, shop).inOrder
            let violated = findings.filter { ($0.violations ?? 0) > 0 }
            if arguments.has("--json") {
                shop.console.say(table(of: findings, withExamples: true).json)
            } else {
                shop.console.say(table(of: findings, withExamples: false).text)
                for finding in violated {
                    shop.console.say("\n\(finding.check) \(finding.says):")
                    for example in finding.examples {
                        shop.console.say("  \(example.oneLine.shortened(to: 200))")
                    }
                }
            }
            return violated.isEmpty ? .success : .failure
        })

    private static func findings(_ arguments: Arguments, _ shop: Shop) async throws -> [Finding] {
        let atRest = arguments.has("--at-rest")
        var findings = try await shop.withDatabase(patience: patience) { connection in
            try await books(atRest: atRest, deadLetters: arguments.number("--dead-letters"), connection)
        }
        if arguments.has("--no-topics") {
            let reason = "left out by --no-topics"
            return findings + TopicChecks.skipped(because: reason) + HeadChecks.skipped(because: reason)
        }
        let cluster = try await shop.withKafka { try await $0.clusterID(timeout: Shop.brokerTimeout) }
        findings += try await TopicChecks.run(cluster: cluster, shop)
        findings +=
            atRest
            ? try await HeadChecks.heads(cluster: cluster, shop)
            : HeadChecks.skipped(because: "holds at rest only")
        return findings
    }

    /// All that Postgres knows, at one moment.
    private static func books(
        atRest: Bool, deadLetters: Int?, _ connection: PostgresConnection
    ) async throws -> [Finding] {
        try await connection.simple("BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY", timeout: .seconds(10))
        var findings: [Finding] = []
        let delay = atRest ? .zero : hearingDelay
        let checks =
            orderChecks + stockChecks + moneyChecks + noticeChecks(within: delay) + salesChecks(within: delay)
        for check in checks {
            findings.append(
                check.atRest && !atRest
                    ? .skipped(check.name, check.says, because: "holds at rest only")
                    : try await check.find(on: connection))
        }
        findings.append(try await PathCheck.find(atRest: atRest, on: connection))
        for check in outboxChecks { findings.append(try await check.find(on: connection)) }
        findings.append(try await HeadChecks.letters(expected: deadLetters, on: connection))
        try await connection.simple("COMMIT", timeout: .seconds(10))
        return findings
    }

    private static func table(of findings: [Finding], withExamples: Bool) -> Table {
        var table =
            withExamples
            ? Table("check", "state", "violations", "says", "examples")
            : Table("check", "state", "violations", "says")
        for finding in findings {
            let cells: [Table.Cell] = [
                .text(finding.check), .text(finding.state), finding.violations.map { .number($0) } ?? .none,
                .text(finding.says),
            ]
            table.add(cells + (withExamples ? [.texts(finding.examples)] : []))
        }
        return table
    }
}

extension [Finding] {
    /// S1 to S8, then H1 to H6; those of one name as they were.
    fileprivate var inOrder: [Finding] {
        enumerated().sorted { left, right in
            let (one, other) = (left.element.check, right.element.check)
            if one == other { return left.offset < right.offset }
            return one.prefix(1) == other.prefix(1) ? one < other : one > other
        }.map(\.element)
    }
}
