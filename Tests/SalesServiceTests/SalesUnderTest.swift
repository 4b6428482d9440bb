import Contracts
import HTTP
import Kernel
import Messaging
import Observability
import Postgres
import SalesDomain
import TestSupport
import Testing

@testable import SalesService

/// The service's parts in a schema of their own, without Kafka: what would go there is read from the outbox.
struct SalesUnderTest: Sendable {
    let pool: PostgresPool
    let publisher: WindowPublisher
    let router: Router

    static func run(_ body: (SalesUnderTest) async throws -> Void) async throws {
        try await ServiceHouse.run("sales", salesMigrations) { house in
            let (pool, relay, log) = (house.pool, house.relay, house.log)
            let sales = SalesUnderTest(
                pool: pool, publisher: WindowPublisher(pool: pool, relay: relay, logger: log.logger),
                router: Router(routes: SalesRoutes(pool: pool).routes, logger: log.logger))
            try await body(sales)
        }
    }

    /// Handles a batch as the consumer does, offsets aside.
    @discardableResult
    func handle(_ batch: Incoming<IncomingEvent>...) async throws -> Handled {
        try await pool.transaction { try await SaleCommandHandler().handle(batch, in: $0) }
    }

    /// Each sum that is counted: the product, its units, its orders and how often it was told.
    func sums() async throws -> [String] {
        try await texts(
            "SELECT format('%s %s %s v%s', sku, units, orders, version) FROM sales_sum ORDER BY starts_at, sku"
        )
    }

    /// Each order that is known of: its state, and how many lines wait in it.
    func states() async throws -> [String] {
        try await texts("SELECT format('%s %s', status, cardinality(skus)) FROM sale ORDER BY order_id")
    }

    /// The versions, keys and payloads of what the service has said, in order.
    func said() async throws -> [String] {
        try await texts("SELECT format('v%s %s %s', version, key, payload) FROM outbox ORDER BY seq")
    }

    private func texts(_ sql: String) async throws -> [String] {
        try await pool.query(PostgresStatement.once(sql)()).map { try $0.string(0) }
    }

    func get(_ path: String, _ query: (name: String, value: String)...) async -> HTTPResponse {
        let request = HTTPRequest(.get, path, query: query)
        let response = await router.respond(to: request)
        #expect(
            (try? APIDocument(PackageResources.openapi_json))?.complaints(about: request, response) == [])
        return response
    }
}

/// 12:01 of some day.
let minute = Timestamp(unixMilliseconds: 1_763_726_460_000)

extension Incoming<IncomingEvent> {
    static func created(_ id: Identifier, _ lines: (String, Int64)...) -> Self {
        let lines = lines.map { NewOrder.Line(sku: $0.0, quantity: $0.1) }
        return Incoming(event: .about(id, at: minute), message: .created(NewOrder(orderId: id, lines: lines)))
    }

    static func confirmed(_ id: Identifier, at seconds: Double = 1) -> Self {
        Incoming(event: .about(id, at: minute.advanced(by: .seconds(seconds))), message: .confirmed(id))
    }

    static func cancelled(_ id: Identifier) -> Self {
        Incoming(event: .about(id, at: minute), message: .cancelled(id))
    }
}
