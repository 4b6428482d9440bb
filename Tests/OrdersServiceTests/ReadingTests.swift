import Foundation
import HTTP
import Kernel
import Messaging
import OrdersDomain
import Testing

@testable import OrdersService

@Suite("Reading orders")
struct ReadingTests {
    private struct Page: Decodable {
        struct Order: Decodable { let id: Identifier }
        let orders: [Order]
        let nextCursor: String?

        init(_ response: HTTPResponse) throws {
            self = try JSONDecoder().decode(Page.self, from: Data(response.body))
        }

        private enum CodingKeys: String, CodingKey { case orders, nextCursor }
    }

    @Test func `pages are newest first and cover everything once`() async throws {
        try await OrdersUnderTest.run { orders in
            var placed: [Identifier] = []
            for index in 0..<7 {
                placed.append(try OrderAnswer(await orders.post(tea(index == 3 ? "grace" : "ada"))).id)
            }
            var seen: [Identifier] = []
            var cursor: String?
            repeat {
                let query =
                    [(name: "limit", value: "3")] + (cursor.map { [(name: "cursor", value: $0)] } ?? [])
                let page = try Page(await orders.get("/v1/orders", query: query))
                seen += page.orders.map(\.id)
                cursor = page.nextCursor
            } while cursor != nil
            // Ids of one millisecond sort by chance.
            #expect(seen == placed.sorted().reversed())
            let grace = try Page(
                await orders.get("/v1/orders", query: [(name: "customerId", value: "grace")]))
            #expect(grace.orders.map(\.id) == [placed[3]])
        }
    }

    @Test func `a last page that is full says that it is the last`() async throws {
        try await OrdersUnderTest.run { orders in
            for _ in 0..<4 { _ = await orders.post(tea()) }
            for query in [[], [(name: "status", value: "pending")], [(name: "customerId", value: "ada")]] {
                let first = try Page(await orders.get("/v1/orders", query: query + [("limit", "2")]))
                let cursor = try #require(first.nextCursor)
                let last = try Page(
                    await orders.get("/v1/orders", query: query + [("limit", "2"), ("cursor", cursor)]))
                #expect(last.orders.count == 2)
                #expect(last.nextCursor == nil)
            }
        }
    }

    @Test func `a list by status skips the others`() async throws {
        try await OrdersUnderTest.run { orders in
            let first = try OrderAnswer(await orders.post(tea())).id
            _ = await orders.post(tea())
            try await orders.hear([.order(first, .paymentCaptured)])
            let page = try Page(await orders.get("/v1/orders", query: [(name: "status", value: "confirmed")]))
            #expect(page.orders.map(\.id) == [first])
            #expect(page.nextCursor == nil)
        }
    }

    @Test func `an unchanged order is not sent again`() async throws {
        try await OrdersUnderTest.run { orders in
            let id = try OrderAnswer(await orders.post(tea())).id
            let tag = try #require(await orders.get("/v1/orders/\(id)").headers["ETag"])
            #expect(await orders.get("/v1/orders/\(id)", headers: ["If-None-Match": tag]).status == 304)
            try await orders.hear([.order(id, .paymentCaptured)])
            #expect(await orders.get("/v1/orders/\(id)", headers: ["If-None-Match": tag]).status == 200)
        }
    }

    @Test func `a client that waits for a change is told when there was none`() async throws {
        try await OrdersUnderTest.run { orders in
            let id = try OrderAnswer(await orders.post(tea())).id
            let unchanged = await orders.get(
                "/v1/orders/\(id)", headers: ["If-None-Match": "\"1\"", "Prefer": "wait=0"])
            #expect(unchanged.status == 304)
            #expect(unchanged.headers["Preference-Applied"] == "wait=0")
            _ = await orders.post("", path: "/v1/orders/\(id)/cancellation")
            // It has changed already: nothing to wait for, though it has not ended.
            let changed = await ContinuousClock().measure {
                let read = await orders.get(
                    "/v1/orders/\(id)", headers: ["If-None-Match": "\"1\"", "Prefer": "wait=60"])
                #expect(read.status == 200)
            }
            #expect(changed < .seconds(30))
            async let ended = orders.get(
                "/v1/orders/\(id)", headers: ["If-None-Match": "\"2\"", "Prefer": "wait=60"])
            try await orders.hear([.order(id, .paymentVoided)])
            try await orders.hear([.order(id, .stockReleased)])
            #expect(await ended.status == 200)
            let tag = try #require(await orders.get("/v1/orders/\(id)").headers["ETag"])
            let still = await orders.get(
                "/v1/orders/\(id)", headers: ["If-None-Match": tag, "Prefer": "wait=60"])
            #expect(still.status == 304)
        }
    }

    @Test(arguments: ["limit=0", "limit=x", "status=lost", "cursor=x"])
    func `a list that can't be is refused`(query: String) async throws {
        try await OrdersUnderTest.run { orders in
            let parts = query.split(separator: "=").map(String.init)
            #expect(await orders.get("/v1/orders", query: [(name: parts[0], value: parts[1])]).status == 400)
        }
    }

    @Test func `an order that is not there is a problem`() async throws {
        try await OrdersUnderTest.run { orders in
            #expect(await orders.get("/v1/orders/nonsense").status == 404)
            #expect(await orders.get("/v1/orders/\(Identifier.v7(at: .now()))").status == 404)
        }
    }
}
