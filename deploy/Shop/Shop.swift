import Contracts
import Glibc
import Kafka
import Observability
import Postgres

/// The shop as this tool reaches it; every command is given one.
struct Shop: Sendable {
    let settings: Settings
    let console: Console
    let web = WebClient()
    /// Nobody reads a log of this tool: what goes wrong is told in one line.
    let logger = Logger(label: "shop", level: .critical, handler: SilentLogHandler())

    static let services = Topic.services
    /// How long a broker may take to answer one question.
    static let brokerTimeout = Duration.seconds(10)

    /// Runs `body` with a connection of the administrator's, and closes it.
    ///
    /// - Parameters:
    ///   - schema: where unqualified names are looked up.
    ///   - patience: how long one statement may take.
    ///   - body: is done when it returns; the connection is closed then.
    /// - Returns: what `body` returns.
    /// - Throws: what `body` throws; `PostgresError`, `Failure` where there is no connection.
    func withDatabase<Value: Sendable>(
        schema: String? = nil, patience: Duration = .seconds(60),
        _ body: (PostgresConnection) async throws -> Value
    ) async throws -> Value {
        var configuration = PostgresConfiguration(url: try settings[.databaseURL], applicationName: "shop")
        configuration.statementTimeout = patience
        configuration.idleInTransactionTimeout = patience
        configuration.lockTimeout = .seconds(10)
        if let schema { configuration.settings["search_path"] = schema }
        return try await PostgresConnection.with(configuration, logger: logger, body)
    }

    func kafka() throws -> KafkaConfiguration {
        KafkaConfiguration(
            bootstrapServers: try settings[.bootstrapServers], clientID: "shop",
            securitySettings: try settings.kafkaSecurity, fetchWaitMilliseconds: 20)
    }

    /// Runs `body` with an administrator's client, and closes it.
    func withKafka<Value: Sendable>(_ body: (KafkaAdmin) async throws -> Value) async throws -> Value {
        try await KafkaAdmin.with(try kafka(), logger: logger, body)
    }

    /// The services that `--service` names, or all.
    func services(_ arguments: Arguments) -> [String] {
        arguments.text("--service").map { [$0] } ?? Shop.services
    }
}

/// Drops every line.
struct SilentLogHandler: LogHandler {
    func log(label: String, level: Logger.Level, message: String, metadata: Logger.Metadata) {}
}

extension CommandOption {
    static let service = choice("--service", of: Shop.services, "of this service alone")
    static let json = flag("--json", "print JSON")
}

/// The one line a person gets to see of an error.
func explain(_ error: any Error, _ settings: Settings) -> String {
    switch error {
    case let error as Failure: error.description
    case let error as PostgresError:
        switch error {
        case .connectionFailed(let reason), .configuration(let reason):
            "no connection to Postgres (DATABASE_URL): \(reason.oneLine)"
        case .server(let refusal) where refusal.sqlState == .undefinedTable:
            "\(refusal.message): has `shop setup` run on this database?"
        case .server(let refusal) where refusal.sqlState == .insufficientPrivilege:
            "\(refusal.message): DATABASE_URL has to name the administrator"
        default: "\(error)".oneLine
        }
    case let error as KafkaError:
        switch error {
        case .timedOut, .transient:
            "Kafka does not answer at \((try? settings[.bootstrapServers]) ?? "") (KAFKA_BOOTSTRAP_SERVERS): \(error)"
                .oneLine
        case .unknownTopic(let topic): "there is no topic \(topic): has `shop setup` run on this cluster?"
        default: "Kafka: \(error)".oneLine
        }
    default: "\(error)".oneLine
    }
}
