import Contracts
import Foundation
import HTTP
import Kernel
import Messaging
import Observability
import Postgres
import TestSupport
import Testing

@testable import InventoryService

/// The service's parts in a schema of their own, without Kafka: what would go there is read from the outbox.
struct InventoryUnderTest: Sendable {
    let pool: PostgresPool
    let relay: OutboxRelay
    let publisher: StockPublisher
    let handler: ReservationCommandHandler
    let router: Router
    let log: RecordedLog

    static func run(_ body: (InventoryUnderTest) async throws -> Void) async throws {
        try await ServiceHouse.run("inventory", inventoryMigrations) { house in
            let (pool, relay, log) = (house.pool, house.relay, house.log)
            let publisher = StockPublisher(pool: pool, relay: relay, logger: log.logger)
            let inventory = InventoryUnderTest(
                pool: pool, relay: relay, publisher: publisher,
                handler: ReservationCommandHandler(publisher: publisher, logger: log.logger),
                router: Router(routes: ProductRoutes(pool: pool, relay: relay).routes, logger: log.logger),
                log: log)
            try await body(inventory)
        }
    }

    /// Handles a batch as the consumer does, offsets aside.
    @discardableResult
    func handle(_ messages: IncomingEvent...) async throws -> Handled { try await handle(messages) }

    @discardableResult
    func handle(_ messages: [IncomingEvent]) async throws -> Handled {
        let batch = messages.map { Incoming(event: .about($0.orderID), message: $0) }
        let handled = try await pool.transaction { transaction in
            let handled = try await handler.handle(batch, in: transaction)
            Outbox.append(handled.events, to: transaction)
            return handled
        }
        handled.afterCommit?()
        return handled
    }

    func list(_ sku: String, available: Int64, price: Int64 = 500) async throws {
        let body = #"{"name":"A \#(sku)","price":{"amount":\#(price),"currency":"EUR"}}"#
        _ = await send(.put, "/v1/products/\(sku)", body: body)
        guard available > 0 else { return }
        _ = await send(
            .post, "/v1/products/\(sku)/stock", body: #"{"quantity":\#(available)}"#,
            headers: ["Idempotency-Key": "stock of \(sku)".replacing(" ", with: "-")])
    }

    func send(
        _ method: HTTPMethod, _ path: String, query: [(name: String, value: String)] = [], body: String = "",
        headers: HTTPHeaders = [:]
    ) async -> HTTPResponse {
        var headers = headers
        if !body.isEmpty, headers["Content-Type"] == nil {
            headers.append("Content-Type", "application/json")
        }
        return await respond(
            to: HTTPRequest(method, path, query: query, headers: headers, body: Array(body.utf8)))
    }

    /// Answers, and holds the answer to the API document.
    private func respond(to request: HTTPRequest) async -> HTTPResponse {
        let response = await router.respond(to: request)
        #expect(Self.document?.complaints(about: request, response) == [])
        return response
    }

    static let document = try? APIDocument(PackageResources.openapi_json)

    /// available, reserved and sold.
    func levels(_ sku: String) async throws -> [Int64] {
        let sql = "SELECT available, reserved, sold FROM product WHERE sku = $1"
        guard let row = try await pool.query(PostgresStatement.once(sql)(sku)).first else { return [] }
        return [try row.int64(0), try row.int64(1), try row.int64(2)]
    }

    /// status and version; nil where there is no row.
    func reservation(_ id: Identifier) async throws -> String? {
        let sql = "SELECT status || ' ' || version FROM reservation WHERE order_id = $1"
        return try await pool.query(PostgresStatement.once(sql)(id)).first?.string(0)
    }

    /// What the service has said on this topic, in order.
    func said(_ topic: Topic) async throws -> [(key: String, version: Int64, payload: String)] {
        let sql = "SELECT key, version, payload FROM outbox WHERE topic = $1 ORDER BY seq"
        return try await pool.query(PostgresStatement.once(sql)(topic.name)).map {
            (try $0.string(0), try $0.int64(1), try $0.string(2))
        }
    }

    /// A number that one statement asks for.
    func number(_ sql: String) async throws -> Int64 {
        try await pool.query(PostgresStatement.once(sql)()).first?.int64(0) ?? -1
    }
}

extension IncomingEvent {
    /// A new order.
    static func order(_ id: Identifier, _ lines: (sku: String, quantity: Int64)...) -> IncomingEvent {
        order(id, lines: lines)
    }

    static func order(_ id: Identifier, lines: [(sku: String, quantity: Int64)]) -> IncomingEvent {
        .created(
            NewOrder(
                orderId: id, lines: lines.map { NewOrder.Line(sku: $0.sku, quantity: $0.quantity) },
                total: Money(amount: 4998, currency: .eur), paymentToken: "tok_visa"))
    }
}

extension HTTPResponse {
    var text: String { String(decoding: body, as: UTF8.self) }
}
