import Contracts
import HTTP
import Kernel
import Observability
import TestSupport
import Testing

@testable import InventoryService

@Suite("Inventory over HTTP")
struct ProductRoutesTests {
    private static let tea = #"{"name":"Tea","price":{"amount":790,"currency":"EUR"}}"#

    @Test func `a product is listed once, changed after, and published each time at once`() async throws {
        try await InventoryUnderTest.run { inventory in
            let made = await inventory.send(.put, "/v1/products/tea", body: Self.tea)
            #expect(made.status == 201)
            #expect(made.headers["Location"] == "/v1/products/tea")
            #expect(
                made.text
                    == #"{"sku":"tea","name":"Tea","price":{"amount":790,"currency":"EUR"},"#
                    + #""available":0,"reserved":0,"sold":0}"# + "\n")
            let same = await inventory.send(.put, "/v1/products/tea", body: Self.tea)
            #expect(same.status == 200)
            #expect(same.headers["ETag"] == made.headers["ETag"])
            let dearer = await inventory.send(
                .put, "/v1/products/tea", body: #"{"name":"Tea","price":{"amount":890,"currency":"EUR"}}"#)
            #expect(dearer.status == 200)
            #expect(dearer.headers["ETag"] == "\"2\"")
            let said = try await inventory.said(.inventoryStock)
            #expect(said.map(\.version) == [1, 2])
        }
    }

    @Test func `a change is made only to the version it was decided on`() async throws {
        try await InventoryUnderTest.run { inventory in
            func put(_ price: Int, _ condition: (String, String)) async -> HTTPResponse {
                await inventory.send(
                    .put, "/v1/products/tea",
                    body: #"{"name":"Tea","price":{"amount":\#(price),"currency":"EUR"}}"#,
                    headers: [condition.0: condition.1])
            }
            #expect(await put(1, ("If-Match", "\"1\"")).status == 412)
            #expect(await put(1, ("If-Match", "*")).status == 412)
            #expect(await put(1, ("If-None-Match", "*")).status == 201)
            let second = await put(2, ("If-None-Match", "*"))
            #expect(second.status == 412)
            #expect(second.headers["ETag"] == "\"1\"")
            #expect(await put(2, ("If-Match", "W/\"1\"")).status == 412)
            #expect(await put(2, ("If-None-Match", "\"1\"")).status == 412)
            #expect(await put(2, ("If-Match", "\"7\", \"1\"")).status == 200)
            #expect(await put(3, ("If-Match", "\"1\"")).status == 412)
            #expect(await put(3, ("If-Match", "*")).headers["ETag"] == "\"3\"")
            let said = try await inventory.said(.inventoryStock)
            #expect(said.map(\.version) == [1, 2, 3])
        }
    }

    @Test func `of those who decide on the same version one changes it`() async throws {
        try await InventoryUnderTest.run { inventory in
            for (condition, won) in [("If-None-Match: *", 201), ("If-Match: \"1\"", 200)] {
                let parts = condition.split(separator: ": ").map(String.init)
                let statuses = await withTaskGroup(of: Int.self) { group in
                    for price in 1...8 {
                        group.addTask {
                            await inventory.send(
                                .put, "/v1/products/tea",
                                body:
                                    #"{"name":"\#(won)","price":{"amount":\#(price),"currency":"EUR"}}"#,
                                headers: [parts[0]: parts[1]]
                            ).status
                        }
                    }
                    return await group.reduce(into: [Int]()) { $0.append($1) }
                }
                #expect(statuses.sorted() == [won] + Array(repeating: 412, count: 7))
            }
        }
    }

    @Test func `reading heeds the tag the client has`() async throws {
        try await InventoryUnderTest.run { inventory in
            try await inventory.list("tea", available: 3)
            let read = await inventory.send(.get, "/v1/products/tea")
            #expect(read.status == 200)
            let tag = try #require(read.headers["ETag"])
            let again = await inventory.send(.get, "/v1/products/tea", headers: ["If-None-Match": tag])
            #expect(again.status == 304)
            try await inventory.handle(.order(.fresh(), ("tea", 1)))
            let changed = await inventory.send(.get, "/v1/products/tea", headers: ["If-None-Match": tag])
            #expect(changed.status == 200)
            #expect(changed.text.contains(#""available":2"#))
        }
    }

    @Test func `goods come in once for each key`() async throws {
        try await InventoryUnderTest.run { inventory in
            try await inventory.list("tea", available: 0)
            try await inventory.list("cup", available: 0)
            func restock(_ sku: String, _ quantity: Int) async -> HTTPResponse {
                await inventory.send(
                    .post, "/v1/products/\(sku)/stock", body: #"{"quantity":\#(quantity)}"#,
                    headers: ["Idempotency-Key": "delivery-1"])
            }
            let first = await restock("tea", 5)
            #expect(first.status == 200)
            #expect(first.text.contains(#""available":5"#))
            #expect(first.headers["Idempotency-Replayed"] == nil)
            let second = await restock("tea", 5)
            #expect(second.status == 200)
            #expect(second.headers["Idempotency-Replayed"] == "true")
            #expect(second.text == first.text)
            #expect(await restock("tea", 6).status == 422)
            #expect(await restock("cup", 5).status == 422)
            #expect(try await inventory.levels("tea") == [5, 0, 0])
            #expect(try await inventory.levels("cup") == [0, 0, 0])
        }
    }

    @Test func `the same delivery sent many times at once counts once`() async throws {
        try await InventoryUnderTest.run { inventory in
            try await inventory.list("tea", available: 0)
            let statuses = await withTaskGroup(of: Int.self) { group in
                for _ in 0..<8 {
                    group.addTask {
                        await inventory.send(
                            .post, "/v1/products/tea/stock", body: #"{"quantity":5}"#,
                            headers: ["Idempotency-Key": "delivery-1"]
                        ).status
                    }
                }
                return await group.reduce(into: [Int]()) { $0.append($1) }
            }
            #expect(
                statuses == Array(repeating: 200, count: 8),
                "\(inventory.log.lines.filter { $0.level == .error })")
            #expect(try await inventory.levels("tea") == [5, 0, 0])
        }
    }

    @Test func `a delivery of an unknown product leaves its key free`() async throws {
        try await InventoryUnderTest.run { inventory in
            let early = await inventory.send(
                .post, "/v1/products/tea/stock", body: #"{"quantity":5}"#, headers: ["Idempotency-Key": "d"])
            #expect(early.status == 404)
            try await inventory.list("tea", available: 0)
            let late = await inventory.send(
                .post, "/v1/products/tea/stock", body: #"{"quantity":5}"#, headers: ["Idempotency-Key": "d"])
            #expect(late.status == 200)
            #expect(late.headers["Idempotency-Replayed"] == nil)
        }
    }

    @Test func `pages go through all products, each once`() async throws {
        try await InventoryUnderTest.run { inventory in
            for sku in ["e", "B", "a", "D", "c"] { try await inventory.list(sku, available: 0) }
            var seen: [String] = []
            var cursor: String?
            for _ in 0..<3 {
                let query =
                    [(name: "limit", value: "2")] + (cursor.map { [(name: "cursor", value: $0)] } ?? [])
                let page = await inventory.send(.get, "/v1/products", query: query)
                #expect(page.status == 200)
                seen += page.text.matches(of: /"sku":"(.)"/).map { String($0.1) }
                cursor = page.text.firstMatch(of: /"nextCursor":"([^"]+)"/).map { String($0.1) }
            }
            #expect(cursor == nil)
            #expect(seen == ["B", "D", "a", "c", "e"])
        }
    }

    @Test(
        arguments: [
            (HTTPMethod.put, "/v1/products/tea", "{", 400),
            (.put, "/v1/products/tea", #"{"name":"Tea"}"#, 400),
            (.put, "/v1/products/tea", #"{"name":"Tea","price":{"amount":"1","currency":"EUR"}}"#, 400),
            (.put, "/v1/products/tea", #"{"name":"Tea","price":{"amount":1,"currency":"euro"}}"#, 400),
            (.put, "/v1/products/tea", #"{"name":"Tea","price":{"amount":0,"currency":"EUR"}}"#, 422),
            (.put, "/v1/products/tea", #"{"name":"","price":{"amount":1,"currency":"EUR"}}"#, 422),
            (.put, "/v1/products/t e a", #"{"name":"Tea","price":{"amount":1,"currency":"EUR"}}"#, 422),
            (
                .put, "/v1/products/4111111111111111",
                #"{"name":"Tea","price":{"amount":1,"currency":"EUR"}}"#, 422
            ),
            (.post, "/v1/products/known/stock", #"{"quantity":0}"#, 422),
            (.post, "/v1/products/known/stock", #"{"quantity":1000001}"#, 422),
            (.post, "/v1/products/known/stock", #"{"quantity":1.5}"#, 400),
            (.post, "/v1/products/unknown/stock", #"{"quantity":1}"#, 404),
            (.post, "/v1/products/known", #"{"quantity":1}"#, 405),
            (.get, "/v1/products/unknown", "", 404),
            (.get, "/v1/products/\u{0}", "", 404),
            (.get, "/v1/nothing", "", 404),
        ])
    func `what can't be done is a problem that says the way out`(
        _ method: HTTPMethod, _ path: String, _ body: String, _ status: Int
    ) async throws {
        try await InventoryUnderTest.run { inventory in
            try await inventory.list("known", available: 0)
            let answer = await inventory.send(method, path, body: body, headers: ["Idempotency-Key": "k"])
            #expect(answer.status == status)
            #expect(answer.headers["Content-Type"] == "application/problem+json")
            #expect(answer.text.contains(#""detail":""#))
        }
    }

    @Test func `a SKU in the path is no field of the body`() async throws {
        try await InventoryUnderTest.run { inventory in
            let body = #"{"name":"","price":{"amount":1,"currency":"EUR"}}"#
            let answer = await inventory.send(.put, "/v1/products/t e a", body: body)
            #expect(answer.text.contains(#""detail":"A SKU has"#))
            #expect(answer.text.matches(of: /"pointer":"([^"]*)"/).map { String($0.1) } == ["/name"])
        }
    }

    @Test(arguments: ["limit=0", "limit=201", "limit=x", "cursor=!", "cursor=AA", "cursor=YR9i"])
    func `a page that can't be is a 400`(_ parameter: String) async throws {
        try await InventoryUnderTest.run { inventory in
            let parts = parameter.split(separator: "=").map(String.init)
            let answer = await inventory.send(
                .get, "/v1/products", query: [(name: parts[0], value: parts[1])])
            #expect(answer.status == 400)
        }
    }

    @Test func `another content type and a missing key are told apart`() async throws {
        try await InventoryUnderTest.run { inventory in
            let form = await inventory.send(
                .put, "/v1/products/tea", body: "a=b", headers: ["Content-Type": "text/plain"])
            #expect(form.status == 415)
            try await inventory.list("tea", available: 0)
            let keyless = await inventory.send(.post, "/v1/products/tea/stock", body: #"{"quantity":1}"#)
            #expect(keyless.status == 400)
        }
    }
}
