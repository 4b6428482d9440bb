package import Observability
package import Postgres

/// Looks in the background whether a service's rows obey its rules, and logs each violation as an error.
///
/// A round is one read-only transaction, so that all rules see one moment, on a connection of its own, so that nobody
/// waits for it. It costs the same however long the tables are: of each table the newest rows are looked at, as most
/// of them change soon, and the next few of a walk that in time comes by all of them. What was found is looked
/// at again until it is gone.
package struct Reconciler: Sendable {
    /// The rows of a table in a round: so many of the newest, and so many of the walk.
    package static let pageSize = 2500
    /// Violations of a rule that are logged in a round, the others are counted.
    static let logMax = 5
    /// Violations of a rule that are remembered, to be looked at again.
    static let knownMax = 100

    let rules: [ReconcilerRule]
    let database: PostgresConfiguration
    let interval: Duration
    let logger: Logger
    private let pageSize: Int
    /// By the rule's place in the list.
    private let violations: [Counter]

    /// - Parameter metrics: where violations are counted; unless told otherwise, where nobody reads.
    package init(
        rules: [ReconcilerRule], database: PostgresConfiguration, interval: Duration,
        pageSize: Int = Reconciler.pageSize,
        metrics: PrometheusCollectorRegistry = PrometheusCollectorRegistry(), logger: Logger
    ) {
        self.rules = rules
        self.database = database
        self.interval = interval
        self.pageSize = pageSize
        self.logger = logger
        violations = rules.map { rule in
            metrics.makeCounter(
                name: "reconciler_violations_total", labels: [("rule", rule.name)],
                help: "Violations of the rules of the shop, again in each round that finds them.")
        }
    }

    /// What one round has to know of those before it.
    package struct Memory: Sendable {
        /// The last key of the walk; none at its beginning.
        fileprivate var places: [ReconciledTable: String] = [:]
        /// Keys of what violated a rule in the last round, by the rule's place in the list.
        fileprivate var known: [Int: [String]] = [:]

        package init() {}
    }

    /// Makes a round every `interval` until `stop`; a database that is away is only a round without a result.
    package func run(until stop: StopFlag) async {
        var memory = Memory()
        while true {
            await stop.sleep(interval)
            if stop.isSet || Task.isCancelled { return }
            do {
                try await round(&memory)
            } catch {
                logger.warning("rules not checked, trying again", metadata: [LogKey.error: "\(error)"])
            }
        }
    }

    /// Checks all rules once and logs what it found.
    package func round(_ memory: inout Memory) async throws {
        let before = memory
        let (findings, after) = try await PostgresConnection.with(database, logger: logger) { connection in
            try await connection.transaction(isolation: .repeatableRead) { transaction in
                transaction.enqueue(Self.readOnly())
                return try await look(before, in: transaction)
            }
        }
        memory = after
        for (place, (rule, finding)) in zip(rules, findings).enumerated() {
            violations[place].increment(by: Int(finding.count))
            report(finding, of: rule, known: before.known[place] ?? [])
        }
    }

    private func report(_ finding: Finding, of rule: ReconcilerRule, known: [String]) {
        for violation in finding.examples.prefix(Self.logMax) {
            logger.error(
                "rule violated",
                metadata: [
                    "rule": rule.name, "subject": violation.subject,
                    LogKey.error: "\(violation.words), but \(rule.says)",
                ])
        }
        if finding.count > Self.logMax {
            logger.error(
                "rule violated by more than is logged",
                metadata: ["rule": rule.name, LogKey.count: "\(finding.count)", LogKey.error: rule.says])
        }
        if finding.count == 0, !known.isEmpty {
            logger.notice("rule holds again", metadata: ["rule": rule.name, "says": rule.says])
        }
    }
}

/// The round's queries.
extension Reconciler {
    private struct Finding: Sendable {
        var count: Int64 = 0
        var examples: [(subject: String, words: String)] = []
    }

    private static let readOnly = PostgresStatement.once("SET TRANSACTION READ ONLY")

    private func look(
        _ before: Memory, in transaction: PostgresTransaction
    ) async throws -> ([Finding], Memory) {
        var memory = before
        memory.known = [:]
        var pages: [ReconciledTable: [String]] = [:]
        var findings: [Finding] = []
        for (place, rule) in rules.enumerated() {
            var keys: [String]?
            if let table = rule.table {
                let page: [String]
                if let read = pages[table] {
                    page = read
                } else {
                    page = try await self.page(of: table, after: &memory.places[table], in: transaction)
                    pages[table] = page
                }
                keys = page + (before.known[place] ?? [])
            }
            let finding = try await find(rule, keys: keys, in: transaction)
            if finding.count > 0 { memory.known[place] = finding.examples.map(\.subject) }
            findings.append(finding)
        }
        return (findings, memory)
    }

    private func find(
        _ rule: ReconcilerRule, keys: [String]?, in transaction: PostgresTransaction
    ) async throws -> Finding {
        let statement = PostgresStatement.once(
            """
            SELECT count(*) OVER (), subject, words FROM (\(rule.sql)) AS violation (subject, words)
            ORDER BY subject LIMIT \(Self.knownMax)
            """)
        var finding = Finding()
        for row in try await transaction.query(keys.map { statement($0) } ?? statement()) {
            finding.count = try row.int64(0)
            finding.examples.append((try row.string(1), try row.string(2)))
        }
        return finding
    }

    /// The keys of the newest rows, and of the next ones of the walk, which starts over at the end.
    private func page(
        of table: ReconciledTable, after place: inout String?, in transaction: PostgresTransaction
    ) async throws -> [String] {
        // With the table's name: an unqualified one would be the text that is returned, in the order of no index.
        let (key, limit) = ("\(table.name).\(table.key)", Int64(pageSize))
        var keys: [String] = []
        if table.grows {
            let newest = PostgresStatement.once(
                "SELECT \(key)::text FROM \(table.name) ORDER BY \(key) DESC LIMIT $1")
            keys = try await transaction.query(newest(limit)).map { try $0.string(0) }
            // Then these are all.
            if keys.count < pageSize { return keys }
        }
        let walk = PostgresStatement.once(
            """
            SELECT \(key)::text FROM \(table.name) \(place == nil ? "" : "WHERE \(key) > $2::text::\(table.type)")
            ORDER BY \(key) LIMIT $1
            """)
        let next = try await transaction.query(place.map { walk(limit, $0) } ?? walk(limit))
            .map { try $0.string(0) }
        place = next.count < pageSize ? nil : next.last
        return keys + next
    }
}
