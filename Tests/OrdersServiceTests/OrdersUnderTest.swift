import Contracts
import Foundation
import HTTP
import Kernel
import Messaging
import Observability
import OrdersDomain
import Postgres
import TestSupport
import Testing

@testable import OrdersService

/// The service's parts in a schema of their own, without Kafka: what would go there is read from the outbox.
struct OrdersUnderTest: Sendable {
    let pool: PostgresPool
    let database: PostgresConfiguration
    let waiters: OrderWaiters
    let commands: OrderCommandHandler
    let placement: OrderPlacement
    let sweeper: DeadlineSweeper
    let router: Router
    let metrics: PrometheusCollectorRegistry
    let log: RecordedLog

    /// - Parameters:
    ///   - deadline: how long an order may take.
    ///   - lookInterval: how often to look for ends that nobody told of.
    static func run(
        deadline: Duration = .seconds(60), lookInterval: Duration = .seconds(1),
        _ body: (OrdersUnderTest) async throws -> Void
    ) async throws {
        try await ServiceHouse.run("orders", orderMigrations) { house in
            let (pool, relay, log) = (house.pool, house.relay, house.log)
            let waiters = OrderWaiters(lookInterval: lookInterval)
            let registry = PrometheusCollectorRegistry()
            let metrics = OrderMetrics(in: registry)
            let commands = OrderCommandHandler(waiters: waiters, metrics: metrics, logger: log.logger)
            let placement = OrderPlacement(pool: pool, relay: relay, deadline: deadline, metrics: metrics)
            let placements = GroupCommit(batchMax: 256, waitingMax: 1024) { try await placement.write($0) }
            let routes = OrderRoutes(
                pool: pool, relay: relay, commands: commands, placements: placements, waiters: waiters,
                logger: log.logger)
            let orders = OrdersUnderTest(
                pool: pool, database: pool.configuration, waiters: waiters, commands: commands,
                placement: placement,
                sweeper: DeadlineSweeper(
                    pool: pool, relay: relay, commands: commands, deadline: deadline, logger: log.logger),
                router: Router(routes: routes.routes, logger: log.logger), metrics: registry, log: log)
            let stop = StopFlag()
            try await withThrowingTaskGroup(of: Void.self) { group in
                group.addTask { await placements.run() }
                group.addTask { await orders.run(waiters, until: stop) }
                defer {
                    placements.close()
                    stop.set()
                }
                try await orders.hear([
                    .product(stock("tea", price: 250)), .product(stock("cup", price: 1000)),
                ])
                try await body(orders)
            }
        }
    }

    static func stock(_ sku: String, price: Int64, version: Int64 = 1) -> ProductStock {
        ProductStock(
            sku: sku, name: sku, price: Money(amount: price, currency: .eur), available: 10, version: version)
    }

    func run(_ waiters: OrderWaiters, until stop: StopFlag) async {
        await waiters.run(pool: pool, database: database, logger: log.logger, until: stop)
    }

    /// Handles a batch as the consumer does, offsets aside.
    ///
    /// - Parameter commands: another instance's; this one's where none is given.
    @discardableResult
    func hear(_ messages: [IncomingEvent], by commands: OrderCommandHandler? = nil) async throws -> Handled {
        let commands = commands ?? self.commands
        let batch = messages.map { Incoming(event: .about(.fresh()), message: $0) }
        let handled = try await pool.transaction { transaction in
            let handled = try await commands.handle(batch, in: transaction)
            Outbox.append(handled.events, to: transaction)
            return handled
        }
        handled.afterCommit?()
        return handled
    }

    func post(
        _ body: String, key: String? = UUID().uuidString, path: String = "/v1/orders", wait: Int? = nil
    ) async -> HTTPResponse {
        var headers: HTTPHeaders = ["Content-Type": "application/json"]
        if let key { headers.append("Idempotency-Key", key) }
        if let wait { headers.append("Prefer", "wait=\(wait)") }
        return await respond(to: HTTPRequest(.post, path, headers: headers, body: Array(body.utf8)))
    }

    func get(_ path: String, query: [(name: String, value: String)] = [], headers: HTTPHeaders = [:]) async
        -> HTTPResponse
    {
        await respond(to: HTTPRequest(.get, path, query: query, headers: headers))
    }

    /// Answers, and holds the answer to the API document.
    private func respond(to request: HTTPRequest) async -> HTTPResponse {
        let response = await router.respond(to: request)
        #expect(Self.document?.complaints(about: request, response) == [])
        return response
    }

    static let document = try? APIDocument(PackageResources.openapi_json)

    /// The types of the events in the outbox, oldest first.
    func said() async throws -> [String] {
        try await pool.query(PostgresStatement.once("SELECT topic FROM outbox ORDER BY seq")()).map {
            try $0.string(0)
        }
    }
}

/// An order as a client reads it.
struct OrderAnswer: Decodable {
    let id: Identifier
    let status: String
    let reason: String?
    let total: Money

    init(_ response: HTTPResponse) throws {
        self = try JSONDecoder().decode(OrderAnswer.self, from: Data(response.body))
    }

    /// Memberwise decoding, by the names in the JSON.
    private enum CodingKeys: String, CodingKey { case id, status, reason, total }
}

/// An order of two teas for `customer`.
func tea(_ customer: String = "ada", token: String = "tok_ok", quantity: Int = 2, sku: String = "tea")
    -> String
{
    #"{"customerId":"\#(customer)","lines":[{"sku":"\#(sku)","quantity":\#(quantity)}],"paymentToken":"\#(token)"}"#
}
