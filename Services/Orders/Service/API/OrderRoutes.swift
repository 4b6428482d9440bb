import HTTP
import Kernel
import Messaging
import Observability
import OrdersDomain
import Postgres

/// The HTTP side of orders: how clients place, read and cancel.
struct OrderRoutes: Sendable {
    let pool: PostgresPool
    let relay: OutboxRelay
    let commands: OrderCommandHandler
    let placements: GroupCommit<OrderPlacement.Request, OrderPlacement.Answer>
    let waiters: OrderWaiters
    let logger: Logger

    var routes: [Route] {
        [
            Route(.post, "/v1/orders", body: .json) { try await place($0) },
            Route(.get, "/v1/orders") { try await list($0) },
            Route(.get, "/v1/orders/{id}") { try await read($0) },
            Route(.post, "/v1/orders/{id}/cancellation", importance: .high) { try await cancel($0) },
            .apiDocument(PackageResources.openapi_json),
        ]
    }

    private func place(_ request: HTTPRequest) async throws -> HTTPResponse {
        let key = try request.idempotencyKey()
        let draft = try request.decode(OrderRequest.self).draft
        let violations = draft.violations
        guard violations.isEmpty else { throw Problem.invalid(violations) }
        let placement = OrderPlacement.Request(
            id: .v7(at: .now()), key: key, draft: draft, traceparent: request.traceparent,
            receivedAt: .now)
        guard let wait = request.preferredWait else {
            let (order, replayed) = try await submit(placement)
            return try answer(order, replayed: replayed, placed: true)
        }
        let until = ContinuousClock.now + wait.duration
        async let ending = waiters.wait(for: placement.id, until: until)
        let (order, replayed) = try await submit(placement)
        // Left behind, the wait is cancelled: a repeated request waits for the order that was made first.
        var ended: OrderEnding?
        if !replayed {
            request.beginWait(wait)
            ended = await ending
        }
        let last =
            if let ended { order.ended(ended) } else {
                try await waited(for: order, until: until) { request.beginWait(wait) }
            }
        return try answer(last, replayed: replayed, placed: true).applying(wait)
    }

    private func submit(_ placement: OrderPlacement.Request) async throws -> (OrderView, replayed: Bool) {
        switch try await placements.submit(placement) {
        case .placed(let order):
            logger.flow(.request, order: order.id.description, "POST /v1/orders")
            return (order, false)
        case .known(let id): return (try await find(id), true)
        case .keyReused: throw Problem.keyReused
        case .refused(let violations): throw Problem.invalid(violations)
        case .tooLate: throw OverloadedError()
        }
    }

    private func read(_ request: HTTPRequest) async throws -> HTTPResponse {
        let id = try identifier(request)
        var order = try await find(id)
        let wait = request.preferredWait
        // To who has another version, this one is news already.
        let isNews =
            request.headers["If-None-Match"] != nil && !request.alreadyHas(ETag(version: order.version))
        if let wait, !order.hasEnded, !isNews {
            order = try await waited(for: order, until: .now + wait.duration) { request.beginWait(wait) }
        }
        let tag = ETag(version: order.version)
        // A cache must not answer who would wait with what was said to who would not (RFC 7240, 2).
        let current = try HTTPResponse.json(order).with(tag).with("Vary", "Prefer")
        let response = request.alreadyHas(tag) ? current.notModified : current
        return wait.map(response.applying) ?? response
    }

    private func list(_ request: HTTPRequest) async throws -> HTTPResponse {
        let status = try request.query("status").map { text in
            guard let status = OrderStatus(rawValue: text) else {
                throw Problem.badRequest("`status` is one of pending, confirmed, cancelling, cancelled.")
            }
            return status
        }
        let cursor = try request.cursor(parts: 1).map { cursor in
            guard let id = Identifier(cursor.key[0]) else { throw Problem.notACursor }
            return id
        }
        let customer = request.query("customerId")
        guard customer.map({ TextRule.accepts($0, lengths: 1...OrderDraft.textMax) }) ?? true else {
            throw Problem.badRequest(
                "`customerId` has 1 to \(OrderDraft.textMax) characters, none of them a control character.")
        }
        let page = try await OrderQueries.list(
            after: cursor, customer: customer, status: status, limit: try request.limit(), in: pool)
        return try .json(
            OrderList(orders: page.orders, nextCursor: page.next.map { Cursor([$0.description]).text }))
    }

    private func cancel(_ request: HTTPRequest) async throws -> HTTPResponse {
        let id = try identifier(request)
        let command = OrderCommandHandler.Command(orderID: id, message: .cancel(by: .customer), cause: nil)
        let answers = try await commands.commit([command], in: pool, relay)
        guard let answer = answers.first ?? nil else { throw Problem.noSuchOrder }
        if answer.outcome == .refused { throw Problem.confirmedAlready }
        logger.flow(.request, order: id.description, "POST /v1/orders/{id}/cancellation")
        return try self.answer(try await find(id), replayed: false, placed: false)
    }

    /// The order after it ended, the time was up or the service was told to stop, whichever is first.
    ///
    /// - Parameter begin: called when there is nothing left to do but to wait.
    private func waited(
        for order: OrderView, until: ContinuousClock.Instant, begin: () -> Void
    ) async throws -> OrderView {
        async let ending = waiters.wait(for: order.id, until: until)
        let order = try await refreshed(order)
        if order.hasEnded { return order }
        begin()
        if let ending = await ending { return order.ended(ending) }
        return try await refreshed(order)
    }

    /// The order as it is now, or as it was last seen where a stop cancels the question: it is placed, and that is the
    /// answer.
    private func refreshed(_ order: OrderView) async throws -> OrderView {
        do { return try await find(order.id) } catch PostgresError.cancelled { return order }
    }

    private func find(_ id: Identifier) async throws -> OrderView {
        guard let order = try await OrderQueries.find([id], in: pool).first else {
            throw Problem.noSuchOrder
        }
        return order
    }

    private func identifier(_ request: HTTPRequest) throws -> Identifier {
        guard let id = Identifier(request.parameter("id")) else { throw Problem.noSuchOrder }
        return id
    }

    /// 200 when nothing more can happen to the order, 202 while it dances.
    private func answer(_ order: OrderView, replayed: Bool, placed: Bool) throws -> HTTPResponse {
        var response = try HTTPResponse.json(order, status: order.hasEnded ? 200 : 202)
            .with(ETag(version: order.version))
        if placed { response = response.with("Location", "/v1/orders/\(order.id)") }
        return replayed ? response.with("Idempotency-Replayed", "true") : response
    }
}

/// A page of orders.
private struct OrderList: Encodable {
    let orders: [OrderView]
    let nextCursor: String?
}
