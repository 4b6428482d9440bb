import Contracts
import Kafka
import Kernel
import Messaging
import Observability
import PaymentsDomain
import Postgres
import TestSupport
import Testing

@testable import PaymentsService

/// Payments and its gateway on a database of their own, with no Kafka: messages go in by hand, and what would
/// be published is read from the outbox.
struct PaymentsHouse {
    let pool: PostgresPool
    let gatewayPool: PostgresPool
    let relay: OutboxRelay
    let gatewaySchema: String
    let log: RecordedLog
    /// Short, so that tests of time-outs are.
    static let timeLimit = Duration.milliseconds(60)

    static func with(_ body: (PaymentsHouse) async throws -> Void) async throws {
        let server = try PostgresServer.fromEnvironment()
        try await server.withSchema { payments in
            try await server.withSchema { gateway in
                let log = RecordedLog()
                let pool = PostgresPool(configuration: payments, logger: log.logger)
                let gatewayPool = PostgresPool(configuration: gateway, logger: log.logger)
                try await migrate(paymentMigrations, in: pool)
                let gatewaySchema = try await migrate(sandboxMigrations, in: gatewayPool)
                let relay = OutboxRelay(
                    service: "payments", database: payments, pool: pool,
                    kafka: KafkaConfiguration(bootstrapServers: "unused", clientID: "unused"), policy: .stop,
                    logger: log.logger)
                let house = PaymentsHouse(
                    pool: pool, gatewayPool: gatewayPool, relay: relay, gatewaySchema: gatewaySchema, log: log
                )
                let result: Result<Void, any Error>
                do { result = .success(try await body(house)) } catch { result = .failure(error) }
                await pool.close()
                await gatewayPool.close()
                try result.get()
            }
        }
    }

    @discardableResult
    private static func migrate(_ migrations: [Migration], in pool: PostgresPool) async throws -> String {
        let schema = try await pool.query(PostgresStatement.once("SELECT current_schema()")())[0].string(0)
        try await pool.withConnection { _ = try await Migrator(schema: schema).apply(migrations, on: $0) }
        return schema
    }

    func worker(
        _ gateway: any PaymentGateway, callsMax: Int = 256, lease: Duration = .seconds(3)
    ) -> GatewayWorker {
        GatewayWorker(
            gateway: gateway, pool: pool, relay: relay, callsMax: callsMax, lease: lease,
            sweepInterval: .milliseconds(20), logger: log.logger)
    }

    /// Runs the closure while `workers` work, and waits for their end.
    func working(_ workers: GatewayWorker..., until body: () async throws -> Void) async throws {
        try await withThrowingTaskGroup(of: Void.self) { group in
            for worker in workers { group.addTask { await worker.run() } }
            let result: Result<Void, any Error>
            do { result = .success(try await body()) } catch { result = .failure(error) }
            for worker in workers { worker.close() }
            try await group.waitForAll()
            try result.get()
        }
    }

    /// Runs the closure with the sandbox as the gateway.
    func sandbox(slowness: Duration = .milliseconds(300), _ body: (SandboxGateway) async throws -> Void)
        async throws
    {
        let sandbox = SandboxGateway(
            pool: PostgresPool(configuration: gatewayPool.configuration, logger: log.logger),
            schema: gatewaySchema, timeLimit: Self.timeLimit, slowness: slowness, logger: log.logger)
        try await withThrowingTaskGroup(of: Void.self) { group in
            group.addTask { try await sandbox.run() }
            let result: Result<Void, any Error>
            do { result = .success(try await body(sandbox)) } catch { result = .failure(error) }
            sandbox.close()
            try await group.waitForAll()
            try result.get()
        }
    }

    /// The sandbox and one worker in front of it.
    func open(_ body: (GatewayWorker) async throws -> Void) async throws {
        try await sandbox { sandbox in
            let worker = worker(sandbox)
            try await working(worker) { try await body(worker) }
        }
    }

    /// Handles a batch as the consumer would.
    ///
    /// - Parameter crash: leaves it at the commit, as a process does that is killed then.
    func hear(
        _ batch: [(Identifier, PaymentMessage)], _ worker: GatewayWorker, crash: Bool = false
    ) async throws {
        let handler = PaymentCommandHandler(worker: worker)
        let incoming = batch.map { order, message in
            Incoming(event: .about(order), message: IncomingEvent(orderID: order, message: message))
        }
        let handled = try await pool.transaction { transaction in
            let handled = try await handler.handle(incoming, in: transaction)
            Outbox.append(handled.events, to: transaction)
            return handled
        }
        if !crash { handled.afterCommit?() }
    }
}

extension PaymentMessage {
    static func reserved(_ token: String, amount: Int64 = 4998) -> PaymentMessage {
        .reserved(Charge(amount: Money(amount: amount, currency: .eur), token: token))
    }
}

/// What the tables say.
extension PaymentsHouse {
    func status(_ order: Identifier) async throws -> PaymentStatus? {
        try await PaymentStore.find(order, in: pool)?.state.status
    }

    func reaches(_ status: PaymentStatus, _ order: Identifier) async throws {
        try await eventually("payment is \(status)") { try await self.status(order) == status }
    }

    /// The types of the events about an order, in the order they go out.
    func events(_ order: Identifier) async throws -> [String] {
        let query = PostgresStatement.once("SELECT topic FROM outbox WHERE key = $1 ORDER BY seq")
        return try await pool.query(query(order.description)).map { try $0.string(0) }
    }

    func openCalls() async throws -> Int64 { try await count("gateway_call", in: pool) }

    /// - Parameter condition: SQL.
    func charges(_ condition: String = "true") async throws -> Int64 {
        try await count("charge WHERE \(condition)", in: gatewayPool)
    }

    func refunds() async throws -> Int64 { try await count("refund", in: gatewayPool) }

    /// What the ledger says of some orders, replayed from its entries alone.
    func balances(_ orders: [Identifier]) async throws -> [Identifier: LedgerBalance] {
        let query = PostgresStatement.once(
            """
            SELECT order_id, kind, account, amount, currency FROM ledger_entry WHERE order_id = ANY ($1)
            ORDER BY order_id, at, kind, account
            """)
        let entries = try await pool.query(query(orders)).map { row in
            try LedgerEntry(
                orderID: try row.identifier(0), kind: #require(Posting.Kind(rawValue: try row.string(1))),
                account: #require(LedgerEntry.Account(rawValue: try row.string(2))),
                amount: Money(amount: try row.int64(3), currency: #require(Currency(try row.string(4)))))
        }
        return try Ledger.replay(entries)
    }

    func count(_ table: String, in pool: PostgresPool) async throws -> Int64 {
        let result = try await pool.query(PostgresStatement.once("SELECT count(*) FROM \(table)")())
        return try result[0].int64(0)
    }

    static func order() -> Identifier { .v7(at: .now()) }
    static func orders(_ count: Int) -> [Identifier] { (0..<count).map { _ in order() } }
}
