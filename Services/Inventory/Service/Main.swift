import HTTP
import Messaging
import Observability
import Postgres
import ServiceRuntime

/// The inventory service: what it is made of.
@main enum Main {
    static func main() async { await ServiceRuntime.run(service) }

    static let service = Service.shop(
        "inventory", summary: "lists products, holds their stock for orders and sells it", httpPort: 8081,
        keys: InventoryKeys.table, prefixes: ["RESTOCK_"], migrations: inventoryMigrations,
        commands: [Service.Command("seed", "list the sample products that are missing", run: seed)]
    ) { core in
        let stop = StopFlag()
        let publisher = StockPublisher(pool: core.pool, relay: core.relay, logger: core.logger)
        let routes = ProductRoutes(pool: core.pool, relay: core.relay)
        let expiry = KeyExpiry(
            table: "restock", pool: core.pool,
            retention: core.configuration[InventoryKeys.idempotencyRetention],
            logger: core.logger)
        return ServiceParts(
            handler: ReservationCommandHandler(publisher: publisher, logger: core.logger),
            routes: routes.routes,
            workers: [
                Worker("stock publisher", run: { await publisher.run() }, stop: { publisher.close() }),
                Worker("idempotency keys", run: { await expiry.run(until: stop) }, stop: { stop.set() }),
            ],
            rules: inventoryRules)
    }

    @Sendable private static func seed(_ context: ServiceContext) async throws {
        let pool = PostgresPool(configuration: context.database, logger: context.logger)
        do {
            let count = try await SampleProducts.seed(in: pool)
            context.logger.info("sample products listed", metadata: [LogKey.count: "\(count)"])
            await pool.close()
        } catch {
            await pool.close()
            throw error
        }
    }
}
