import Contracts
import Kafka
import Postgres

/// `shop setup`: everything the services need to find, before the first of them starts.
enum SetupCommand {
    /// How long to wait for a database or a broker that is still starting.
    static let patience = Duration.seconds(60)

    static let setup = Command(
        verb: nil, summary: "make roles, schemas, tables, topics and sample products, where they are missing",
        options: [
            .flag("--acls", "let User:orders and its like do on Kafka what the service of that name needs")
        ],
        details: """
            Changes nothing that is right already, so it can run at every start. A role that is there gets the password
            of its setting, and keeps the one it has where that isn't set. Needs DATABASE_URL to name the administrator.
            Waits up to 60 seconds for Postgres and for Kafka. Lies beside the programs of the services, which bring
            their own migrations.
            """,
        run: { arguments, shop in try await run(shop, grantsRights: arguments.has("--acls")) })

    private static func run(_ shop: Shop, grantsRights: Bool) async throws -> ExitCode {
        let plan = try TopicPlan(shop.settings)
        let passwords = try passwords(shop.settings)
        try await waiting(for: "Postgres", shop) { try await shop.withDatabase { _ in } }
        let roles = try await shop.withDatabase { try await Roles.establish(passwords: passwords, on: $0) }
        shop.console.say("roles and schemas   \(counted(roles, of: Roles.names.count))")
        for service in Shop.services {
            try Sibling(name: service).run(
                ["migrate"], environment: try environment(of: service, shop.settings))
        }
        try await shop.withDatabase { try await Roles.protectMigrations(on: $0) }
        shop.console.say("tables              as this build has them")
        try await waiting(for: "Kafka", shop) {
            try await shop.withKafka { _ = try await $0.clusterID(timeout: .seconds(5)) }
        }
        let topics = try await TopicSetup.establish(plan, shop).made
        shop.console.say("topics              \(counted(topics, of: Topic.all.count))")
        if grantsRights {
            let rights = try await shop.withKafka { try await ACLSetup.establish(with: $0) }
            let made = counted(rights.map(\.description), of: ACLSetup.all.count)
            shop.console.say("ACLs                \(made)")
        }
        try Sibling(name: "inventory").run(
            ["seed"], environment: try environment(of: "inventory", shop.settings))
        shop.console.say("sample products     there")
        return .success
    }

    private static func counted(_ made: [String], of count: Int) -> String {
        switch made.count {
        case 0: "\(count) there already"
        case count: "\(count) made"
        default: "\(made.joined(separator: ", ")) made, \(count - made.count) there already"
        }
    }

    /// By role, those that the environment says.
    private static func passwords(_ settings: Settings) throws -> [String: String] {
        var passwords: [String: String] = [:]
        for role in Roles.names { passwords[role] = try settings.given(.password(of: role)) }
        return passwords
    }

    /// What a service's program gets to see: the administrator's address, and no password of another role.
    ///
    /// Nor how the operator is known to Kafka, which these calls don't ask anything; nor what begins with `SHOP_`, which a
    /// service refuses unless it is a setting of its own.
    private static func environment(of service: String, _ settings: Settings) throws -> [String: String] {
        let withheld = ["SHOP_", "KAFKA_SSL_", "KAFKA_SASL_"]
        var environment = settings.environment.filter { name, _ in
            !name.contains("DATABASE_") && !withheld.contains(where: name.hasPrefix)
        }
        environment["DATABASE_URL"] = try settings[.databaseURL]
        if service == "payments" { environment["GATEWAY_DATABASE_URL"] = environment["DATABASE_URL"] }
        environment["KAFKA_BOOTSTRAP_SERVERS"] = try settings[.bootstrapServers]
        return environment
    }

    /// Tries again until it works, and says what it waits for when that isn't at once.
    private static func waiting(
        for part: String, _ shop: Shop, _ attempt: () async throws -> Void
    ) async throws {
        let deadline = ContinuousClock.now + patience
        var told: String?
        while true {
            do {
                return try await attempt()
            } catch let error where isWorthWaiting(error) {
                let reason = explain(error, shop.settings)
                guard ContinuousClock.now < deadline else { throw error }
                if reason != told { shop.console.note("waiting for \(part): \(reason)") }
                told = reason
                try await Task.sleep(for: .milliseconds(500))
            }
        }
    }

    private static func isWorthWaiting(_ error: any Error) -> Bool {
        switch error {
        case let error as PostgresError: error.classification == .transient
        case let error as KafkaError: error.isRetriable
        default: false
        }
    }
}
