import Postgres

/// A rule that the shop must obey, as SQL that finds whatever breaks it.
struct AuditCheck: Sendable {
    /// The letter and number of the invariant, the same as in the simulation of the deciders.
    let name: String
    /// What holds where the check finds nothing.
    let says: String
    /// Holds only when no order is under way, and not at every moment.
    var atRest = false
    /// Returns one column of text, a row for each violation: what it is about.
    let sql: String

    /// Counts the violations and keeps the first few for people.
    func find(on connection: PostgresConnection) async throws -> Finding {
        let statement = PostgresStatement.once(
            """
            SELECT count(*), coalesce((array_agg(example ORDER BY example))[1:\(Finding.examplesMax)], '{}')
            FROM (\(sql)) AS violation (example)
            """)
        let row = try await connection.query(statement())[0]
        return Finding(
            check: name, says: says, violations: try row.int64(0), examples: try row.stringArray(1))
    }
}

/// What became of a check.
struct Finding: Sendable {
    static let examplesMax = 5

    let check: String
    let says: String
    /// Nil for a check that was left out, whose reason is then the only example.
    var violations: Int64?
    var examples: [String] = []

    static func skipped(_ check: String, _ says: String, because reason: String) -> Finding {
        Finding(check: check, says: says, violations: nil, examples: [reason])
    }

    var state: String {
        switch violations {
        case nil: "skipped"
        case 0: "ok"
        default: "FAIL"
        }
    }
}

/// Counts violations of one rule and keeps the first few.
struct Violations: Sendable {
    private(set) var count: Int64 = 0
    private(set) var examples: [String] = []

    mutating func add(_ example: @autoclosure () -> String, count more: Int64 = 1) {
        count += more
        if examples.count < Finding.examplesMax { examples.append(example()) }
    }

    func finding(_ check: String, _ says: String) -> Finding {
        Finding(check: check, says: says, violations: count, examples: examples)
    }
}
