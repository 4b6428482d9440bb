import HTTP
import Messaging
import ServiceRuntime

/// The sales service: what it is made of.
@main enum Main {
    static func main() async { await ServiceRuntime.run(service) }

    static let service = Service.shop(
        "sales", summary: "counts what was sold, by product and minute", httpPort: 8084,
        migrations: salesMigrations
    ) { core in
        let publisher = WindowPublisher(pool: core.pool, relay: core.relay, logger: core.logger)
        return ServiceParts(
            handler: SaleCommandHandler(), routes: SalesRoutes(pool: core.pool).routes,
            workers: [Worker("windows", run: { await publisher.run() }, stop: { publisher.close() })],
            rules: salesRules)
    }
}
