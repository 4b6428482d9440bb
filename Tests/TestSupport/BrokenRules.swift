package import Messaging
import Observability
package import Postgres

/// Something that must never be, done by hand, and the rule that has to notice.
package struct Breach: Sendable, CustomStringConvertible {
    package let rule: String
    /// How the rule's words begin.
    package let says: String
    package let sql: String

    package init(_ rule: String, _ says: String, _ sql: String) {
        self.rule = rule
        self.says = says
        self.sql = sql
    }

    package var description: String { "\(rule) \(says)" }

    /// Those of `rules` that none of `breaches` is about.
    package static func untried(_ rules: [ReconcilerRule], by breaches: [Breach]) -> [String] {
        rules.filter { rule in
            !breaches.contains { $0.rule == rule.name && rule.says.hasPrefix($0.says) }
        }.map { "\($0.name) \($0.says)" }
    }
}

extension RecordedLog {
    /// The violations that a reconciler has logged: rule, subject and words.
    package var violations: [String] {
        lines.filter { $0.level == .error && $0.message.hasPrefix("rule violated") }.map {
            "\($0.metadata["rule"] ?? "") \($0.metadata["subject"] ?? ""): \($0.metadata[LogKey.error] ?? "")"
        }
    }
}

extension PostgresConfiguration {
    /// With the settings that matter to plans in a service's sessions.
    package var asOfService: PostgresConfiguration {
        var database = self
        database.settings["enable_seqscan"] = "off"
        database.settings["jit"] = "off"
        database.settings["plan_cache_mode"] = "force_generic_plan"
        database.settings["max_parallel_workers_per_gather"] = "0"
        return database
    }

    /// What one round of a reconciler finds.
    package func violations(of rules: [ReconcilerRule]) async throws -> [String] {
        let log = RecordedLog()
        let reconciler = Reconciler(
            rules: rules, database: asOfService, interval: .seconds(30), logger: log.logger)
        var memory = Reconciler.Memory()
        try await reconciler.round(&memory)
        return log.violations
    }

    /// What one round after another finds while `body` runs.
    package func violations(
        of rules: [ReconcilerRule], while body: () async throws -> Void
    ) async throws -> [String] {
        let log = RecordedLog()
        let reconciler = Reconciler(
            rules: rules, database: asOfService, interval: .zero, pageSize: 20, logger: log.logger)
        let stop = StopFlag()
        try await withThrowingTaskGroup(of: Void.self) { group in
            group.addTask {
                var memory = Reconciler.Memory()
                while !stop.isSet { try await reconciler.round(&memory) }
            }
            defer { stop.set() }
            try await body()
            stop.set()
            try await group.waitForAll()
        }
        return log.violations
    }

    /// Tampers, then looks: what one round finds of what `breach` did.
    package func violations(
        of rules: [ReconcilerRule], after breach: Breach, replacing ids: [String: String]
    ) async throws -> [String] {
        let sql = ids.reduce(breach.sql) { $0.replacing($1.key, with: $1.value) }
        try await PostgresConnection.with(self, logger: RecordedLog().logger) {
            try await $0.simple(sql, timeout: .seconds(30))
        }
        return try await violations(of: rules)
    }
}

extension [String] {
    /// Whether one of these violations is of the rule that `breach` breaks.
    package func name(_ breach: Breach) -> Bool {
        contains { $0.hasPrefix("\(breach.rule) ") && $0.contains("but \(breach.says)") }
    }
}
