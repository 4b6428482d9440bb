import HTTP
import Messaging
import Observability
import Postgres
import ServiceRuntime

/// The payments service: what it is made of.
@main enum Main {
    static func main() async { await ServiceRuntime.run(service) }

    static let service = Service.shop(
        "payments", summary: "takes the money for orders, and gives it back", httpPort: 8082,
        keys: PaymentKeys.table, prefixes: PaymentKeys.prefixes, migrations: paymentMigrations,
        migrate: { try await $0.apply(sandboxMigrations, to: SandboxGateway.schema) }
    ) { core in
        let gateway = try SandboxGateway(core)
        let worker = GatewayWorker(
            gateway: gateway, pool: core.pool, relay: core.relay,
            callsMax: core.configuration[PaymentKeys.gatewayCallsMax], logger: core.logger)
        return ServiceParts(
            handler: PaymentCommandHandler(worker: worker), routes: PaymentRoutes(pool: core.pool).routes,
            workers: [
                Worker("sandbox gateway", run: { try await gateway.run() }, stop: { gateway.close() }),
                Worker("gateway calls", run: { await worker.run() }, stop: { worker.close() }),
            ],
            rules: paymentRules)
    }
}

extension SandboxGateway {
    /// The sandbox with a pool of its own, in the role it has in the database.
    convenience init(_ core: ServiceCore) throws {
        let url = core.configuration[PaymentKeys.gatewayDatabaseURL]
        guard !url.isEmpty else {
            throw ConfigurationError(
                "GATEWAY_DATABASE_URL is not set; set GATEWAY_DATABASE_URL or GATEWAY_DATABASE_URL_FILE")
        }
        let timeLimit = core.configuration[PaymentKeys.gatewayTimeout]
        var database = PostgresConfiguration(url: url, applicationName: "gateway")
        database.maxConnections = 2
        database.settings["search_path"] = Self.schema
        self.init(
            pool: PostgresPool(configuration: database, logger: core.logger), timeLimit: timeLimit,
            slowness: core.configuration[PaymentKeys.sandboxSlowness], logger: core.logger)
    }
}
