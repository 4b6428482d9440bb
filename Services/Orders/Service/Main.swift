import HTTP
import Kernel
import Messaging
import Observability
import Postgres
import ServiceRuntime

/// The orders service: what it is made of.
@main enum Main {
    static func main() async { await ServiceRuntime.run(service) }

    static let service = Service.shop(
        "orders", summary: "takes orders, prices them and decides how each ends", httpPort: 8080,
        keys: OrderKeys.table, prefixes: ["ORDER_"], migrations: orderMigrations
    ) { core in
        let stop = StopFlag()
        let waiters = OrderWaiters()
        let metrics = OrderMetrics(in: core.metrics)
        let commands = OrderCommandHandler(waiters: waiters, metrics: metrics, logger: core.logger)
        let deadline = core.configuration[OrderKeys.deadline]
        let placement = OrderPlacement(
            pool: core.pool, relay: core.relay, deadline: deadline, metrics: metrics)
        let placements = GroupCommit(waitingMax: 4096) { try await placement.write($0) }
        let routes = OrderRoutes(
            pool: core.pool, relay: core.relay, commands: commands, placements: placements, waiters: waiters,
            logger: core.logger)
        let sweeper = DeadlineSweeper(
            pool: core.pool, relay: core.relay, commands: commands, deadline: deadline, logger: core.logger)
        let expiry = KeyExpiry(
            table: "idempotency_key", pool: core.pool,
            retention: core.configuration[OrderKeys.idempotencyRetention],
            logger: core.logger)
        return ServiceParts(
            handler: commands, routes: routes.routes,
            workers: [
                Worker("placements", run: { await placements.run() }, stop: { placements.close() }),
                Worker(
                    "waiters",
                    run: {
                        await waiters.run(
                            pool: core.pool, database: core.database, logger: core.logger, until: stop)
                    }, stop: { stop.set() }),
                Worker("deadlines", run: { await sweeper.run(until: stop) }, stop: { stop.set() }),
                Worker("idempotency keys", run: { await expiry.run(until: stop) }, stop: { stop.set() }),
            ],
            rules: orderRules, checks: [("products", { try await productCheck(core.pool) })])
    }

    /// A shop that has just been made is not ready for its first order before it knows what is sold.
    private static func productCheck(_ pool: PostgresPool) async throws -> Readiness.Finding {
        try await ProductStore.isFilled(in: pool)
            ? .ok : .bad("inventory has told of no product yet; see its log, and `shop topics`")
    }
}
