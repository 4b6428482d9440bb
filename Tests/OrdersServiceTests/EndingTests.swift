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

@Suite("How orders end")
struct EndingTests {
    @Test func `a client that waits hears the end at once`() async throws {
        try await OrdersUnderTest.run { orders in
            async let waited = orders.post(tea(), wait: 30)
            let id = try await eventuallyPlaced(orders)
            try await orders.hear([.order(id, .paymentCaptured)])
            let response = await waited
            #expect(response.status == 200)
            #expect(try OrderAnswer(response).status == "confirmed")
            #expect(response.headers["Preference-Applied"] == "wait=30")
            #expect(response.headers["ETag"] == "\"2\"")
        }
    }

    @Test func `a client hears the end that another instance has committed`() async throws {
        try await OrdersUnderTest.run(lookInterval: .seconds(3600)) { orders in
            let waiters = OrderWaiters()
            let other = OrderCommandHandler(
                waiters: waiters, metrics: OrderMetrics(in: orders.metrics), logger: orders.log.logger)
            let stop = StopFlag()
            try await withThrowingTaskGroup(of: Void.self) { group in
                group.addTask { await orders.run(waiters, until: stop) }
                defer { stop.set() }
                // The first may be found as the instance begins to listen.
                for key in ["one", "two"] {
                    let id = try OrderAnswer(await orders.post(tea(), key: key)).id
                    async let ending = orders.waiters.wait(for: id, until: .now + .seconds(30))
                    try await orders.hear([.order(id, .paymentCaptured)], by: other)
                    #expect(await ending?.status == "confirmed")
                }
            }
        }
    }

    @Test func `each end is counted once, by its reason`() async throws {
        try await OrdersUnderTest.run { orders in
            let ends: [[OrderMessage]] = [
                [.paymentCaptured, .paymentCaptured], [.stockRejected, .cancel(by: .deadline)],
            ]
            for (key, messages) in ends.enumerated() {
                let id = try OrderAnswer(await orders.post(tea(), key: "\(key)")).id
                for message in messages { try await orders.hear([.order(id, message)]) }
            }
            let metrics = MetricsText(orders.metrics)
            #expect(metrics.sum("orders_placed_total") == 2)
            #expect(metrics.sum("orders_placement_batch_requests_sum") == 2)
            #expect(
                metrics.values(of: "orders_ended_total").filter { $0.value > 0 } == [
                    #"status="confirmed",reason="""#: 1, #"status="cancelled",reason="out_of_stock""#: 1,
                ])
            #expect(metrics.values(of: "orders_duration_seconds_count").values.allSatisfy { $0 == 1 })
        }
    }

    @Test func `a client that waited long enough gets the order as it stands`() async throws {
        try await OrdersUnderTest.run { orders in
            let response = await orders.post(tea(), wait: 0)
            let order = try OrderAnswer(response)
            #expect(response.status == 202)
            #expect(order.status == "pending")
        }
    }

    @Test func `a repeated request that waits hears the end of the first one's order`() async throws {
        try await OrdersUnderTest.run { orders in
            let id = try OrderAnswer(await orders.post(tea(), key: "k")).id
            async let waited = orders.post(tea(), key: "k", wait: 30)
            try await orders.hear([.order(id, .paymentCaptured)])
            let response = await waited
            #expect(response.status == 200)
            #expect(response.headers["Idempotency-Replayed"] == "true")
        }
    }

    @Test func `a cancelled order ends when stock and money are settled, in either order`() async throws {
        try await OrdersUnderTest.run { orders in
            let id = try OrderAnswer(await orders.post(tea())).id
            let cancelled = await orders.post("", path: "/v1/orders/\(id)/cancellation")
            #expect(cancelled.status == 202)
            try await orders.hear([.order(id, .paymentVoided)])
            #expect(try OrderAnswer(await orders.get("/v1/orders/\(id)")).status == "cancelling")
            try await orders.hear([.order(id, .stockReleased)])
            let order = try OrderAnswer(await orders.get("/v1/orders/\(id)"))
            #expect((order.status, order.reason) == ("cancelled", "customer"))
            #expect(try await orders.said() == ["orders.created", "orders.cancelling", "orders.cancelled"])
            #expect(await orders.post("", path: "/v1/orders/\(id)/cancellation").status == 200)
        }
    }

    @Test func `a confirmed order can't be cancelled`() async throws {
        try await OrdersUnderTest.run { orders in
            let id = try OrderAnswer(await orders.post(tea())).id
            try await orders.hear([.order(id, .paymentCaptured)])
            #expect(await orders.post("", path: "/v1/orders/\(id)/cancellation").status == 409)
        }
    }

    @Test func `what is heard twice changes nothing`() async throws {
        try await OrdersUnderTest.run { orders in
            let id = try OrderAnswer(await orders.post(tea())).id
            try await orders.hear([.order(id, .paymentCaptured), .order(id, .paymentCaptured)])
            try await orders.hear([.order(id, .paymentCaptured)])
            #expect(try await orders.said() == ["orders.created", "orders.confirmed"])
            #expect(await orders.get("/v1/orders/\(id)").headers["ETag"] == "\"2\"")
        }
    }

    @Test func `an event for an order that is not ours is an alarm and changes nothing`() async throws {
        try await OrdersUnderTest.run { orders in
            let handled = try await orders.hear([.order(.v7(at: .now()), .paymentCaptured)])
            #expect(handled.alarms.count == 1)
            #expect(handled.events.isEmpty)
        }
    }

    @Test func `an order that takes too long is cancelled`() async throws {
        try await OrdersUnderTest.run(deadline: .milliseconds(50)) { orders in
            let id = try OrderAnswer(await orders.post(tea())).id
            let stop = StopFlag()
            async let sweeping: Void = orders.sweeper.run(until: stop)
            try await eventually("the deadline has cancelled the order") {
                try OrderAnswer(await orders.get("/v1/orders/\(id)")).reason == "deadline"
            }
            stop.set()
            await sweeping
        }
    }

    @Test func `an overdue order behind a thousand that have ended does not wait for them to settle`()
        async throws
    {
        try await OrdersUnderTest.run(deadline: .milliseconds(50)) { orders in
            let first = try OrderAnswer(await orders.post(tea())).id
            let ended = """
                INSERT INTO orders (id, customer_id, lines, total_amount, currency, status, created_at,
                    updated_at, deadline)
                SELECT gen_random_uuid(), customer_id, lines, total_amount, currency, 'confirmed', created_at,
                    updated_at, deadline
                FROM orders, generate_series(1, 1100) WHERE id = '\(first)'
                """
            try await orders.pool.query(PostgresStatement.once(ended)())
            let id = try OrderAnswer(await orders.post(tea())).id
            let stop = StopFlag()
            async let sweeping: Void = orders.sweeper.run(until: stop)
            defer { stop.set() }
            try await eventually("the deadline has cancelled the order", within: .seconds(10)) {
                try OrderAnswer(await orders.get("/v1/orders/\(id)")).reason == "deadline"
            }
            stop.set()
            await sweeping
        }
    }

    @Test func `an overdue order that can't be read holds up no other, and is told of once`() async throws {
        try await OrdersUnderTest.run(deadline: .milliseconds(50)) { orders in
            let ids = try [
                OrderAnswer(await orders.post(tea())).id, OrderAnswer(await orders.post(tea())).id,
                OrderAnswer(await orders.post(tea())).id,
            ]
            let byHand = "UPDATE orders SET money = 'refunded' WHERE id = '\(ids[1])'"
            try await orders.pool.query(PostgresStatement.once(byHand)())
            let stop = StopFlag()
            async let sweeping: Void = orders.sweeper.run(until: stop)
            do {
                for id in [ids[0], ids[2]] {
                    try await eventually("the deadline has cancelled the order", within: .seconds(10)) {
                        try OrderAnswer(await orders.get("/v1/orders/\(id)")).reason == "deadline"
                    }
                }
            } catch {
                stop.set()
                throw error
            }
            stop.set()
            await sweeping
            #expect(try OrderAnswer(await orders.get("/v1/orders/\(ids[1])")).status == "pending")
            let told = orders.log.lines.filter { $0.level >= .warning }
            #expect(told.count == 1)
            #expect(told.allSatisfy { $0.metadata.values.contains { $0.contains("\(ids[1])") } })
        }
    }

    @Test func `a sweep goes back when the clock was put back behind its place`() async throws {
        try await OrdersUnderTest.run { orders in
            let now = Timestamp.now()
            let ahead = OrderStore.SweepPosition(deadline: now.advanced(by: .seconds(600)))
            try await OrderStore.noteSwept(upTo: ahead.deadline, in: orders.pool)
            let place = try await orders.sweeper.begin(at: ahead)
            #expect(place.deadline < now)
            let kept = try await orders.sweeper.begin(at: place)
            #expect(kept.deadline == place.deadline)
        }
    }

    @Test func `a sweep goes on an hour before the place of the last one, not at the oldest order`()
        async throws
    {
        try await OrdersUnderTest.run { orders in
            let ages = ["3 hours", "90 minutes", "20 minutes"]
            var ids: [Identifier] = []
            for age in ages {
                let id = try OrderAnswer(await orders.post(tea())).id
                let late = "UPDATE orders SET deadline = now() - interval '\(age)' WHERE id = '\(id)'"
                try await orders.pool.query(PostgresStatement.once(late)())
                ids.append(id)
            }
            let before = "UPDATE deadline_sweep SET deadline = now() - interval '1 hour'"
            try await orders.pool.query(PostgresStatement.once(before)())
            var sweeper = orders.sweeper
            sweeper.noteInterval = .zero
            let stop = StopFlag()
            async let sweeping: Void = sweeper.run(until: stop)
            try await eventually("the place is written down") {
                try await OrderStore.sweptUpTo(in: orders.pool)
                    > Timestamp.now().advanced(by: .seconds(-1800))
            }
            stop.set()
            await sweeping
            var reasons: [String?] = []
            for id in ids { reasons.append(try OrderAnswer(await orders.get("/v1/orders/\(id)")).reason) }
            #expect(reasons == [nil, "deadline", "deadline"])
        }
    }

    private func eventuallyPlaced(_ orders: OrdersUnderTest) async throws -> Identifier {
        try await eventually("the order is placed") { try await !orders.said().isEmpty }
        let page = await orders.get("/v1/orders")
        let text = String(decoding: page.body, as: UTF8.self)
        let start = try #require(text.range(of: "\"id\":\""))
        return try #require(Identifier(String(text[start.upperBound...].prefix(36))))
    }
}
