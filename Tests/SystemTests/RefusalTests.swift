import Foundation
import ShopHarness
import TestSupport
import Testing

/// A request that must be refused, and how.
struct BadRequest: Sendable, CustomTestStringConvertible {
    let what: String
    var method = "POST"
    var service = ServiceName.orders
    var path = "/v1/orders"
    var contentType: String? = "application/json"
    var hasKey = true
    /// `SKU` stands for a product that is there.
    var body: String?
    let status: Int
    /// What the way out has to name.
    var names = ""

    var testDescription: String { what }
}

extension BadRequest {
    private static func order(
        _ lines: String, customer: String = #""ada""#, token: String = "tok_ok"
    ) -> String {
        #"{"customerId":\#(customer),"lines":\#(lines),"paymentToken":"\#(token)"}"#
    }

    private static let line = #"{"sku":"SKU","quantity":1}"#

    private static func lines(_ count: Int) -> String {
        "[" + (0..<count).map { #"{"sku":"s\#($0)","quantity":1}"# }.joined(separator: ",") + "]"
    }

    /// Design section 8, line by line.
    static let orders: [BadRequest] = [
        BadRequest(what: "no body", body: "", status: 400),
        BadRequest(what: "half a body", body: #"{"customerId":"ada","lin"#, status: 400),
        BadRequest(what: "no JSON at all", body: "customerId=ada", status: 400),
        BadRequest(what: "a list", body: "[]", status: 400),
        BadRequest(
            what: "no customer", body: #"{"lines":[\#(line)],"paymentToken":"tok_ok"}"#, status: 400,
            names: "customerId"),
        BadRequest(
            what: "a customer that is a number", body: order("[\(line)]", customer: "7"), status: 400,
            names: "customerId"),
        BadRequest(
            what: "a quantity in words", body: order(#"[{"sku":"SKU","quantity":"two"}]"#), status: 400,
            names: "quantity"),
        BadRequest(
            what: "half a quantity", body: order(#"[{"sku":"SKU","quantity":1.5}]"#), status: 400,
            names: "quantity"),
        BadRequest(
            what: "no Idempotency-Key", hasKey: false, body: order("[\(line)]"), status: 400,
            names: "Idempotency-Key"),
        BadRequest(what: "quantity 0", body: order(#"[{"sku":"SKU","quantity":0}]"#), status: 422),
        BadRequest(what: "a negative quantity", body: order(#"[{"sku":"SKU","quantity":-1}]"#), status: 422),
        BadRequest(what: "quantity 10,001", body: order(#"[{"sku":"SKU","quantity":10001}]"#), status: 422),
        BadRequest(what: "no lines", body: order("[]"), status: 422),
        BadRequest(what: "101 lines", body: order(lines(101)), status: 422, names: "100"),
        BadRequest(what: "10,000 lines", body: order(lines(10_000)), status: 413),
        BadRequest(what: "the same SKU twice", body: order("[\(line),\(line)]"), status: 422),
        BadRequest(
            what: "an unknown SKU", body: order(#"[{"sku":"no-such-sku","quantity":1}]"#), status: 422,
            names: "/v1/products"),
        BadRequest(
            what: "a card number", body: order("[\(line)]", token: "4111 1111 1111 1111"), status: 422),
        BadRequest(
            what: "a body of 1 MB", body: order("[\(line)]", token: String(repeating: "a", count: 1_000_000)),
            status: 413),
        BadRequest(what: "text", contentType: "text/plain", body: order("[\(line)]"), status: 415),
        BadRequest(what: "a body of no type", contentType: nil, body: order("[\(line)]"), status: 415),
        BadRequest(what: "DELETE", method: "DELETE", status: 405, names: "POST"),
        BadRequest(what: "PATCH", method: "PATCH", body: "{}", status: 405, names: "GET"),
        BadRequest(
            what: "an unknown path", method: "GET", path: "/v1/order", status: 404, names: "/v1/orders"),
        BadRequest(what: "the root", method: "GET", path: "/", status: 404),
        BadRequest(what: "an id that is none", method: "GET", path: "/v1/orders/7", status: 404),
        BadRequest(
            what: "an unknown id", method: "GET", path: "/v1/orders/0190a7b0-0000-7000-8000-000000000000",
            status: 404),
        BadRequest(
            what: "to cancel an unknown id",
            path: "/v1/orders/0190a7b0-0000-7000-8000-000000000000/cancellation",
            status: 404),
        BadRequest(what: "a page of none", method: "GET", path: "/v1/orders?limit=0", status: 400),
        BadRequest(what: "a made up cursor", method: "GET", path: "/v1/orders?cursor=abc", status: 400),
        BadRequest(
            what: "an unknown status", method: "GET", path: "/v1/orders?status=lost", status: 400,
            names: "pending"),
    ]

    /// The other three, which are asked less.
    static let others: [BadRequest] = [
        BadRequest(
            what: "an unknown product", method: "GET", service: .inventory, path: "/v1/products/none",
            status: 404),
        BadRequest(
            what: "goods of an unknown product", service: .inventory, path: "/v1/products/none/stock",
            body: #"{"quantity":1}"#, status: 404),
        BadRequest(
            what: "no goods", service: .inventory, path: "/v1/products/SKU/stock", body: #"{"quantity":0}"#,
            status: 422),
        BadRequest(
            what: "goods without a key", service: .inventory, path: "/v1/products/SKU/stock", hasKey: false,
            body: #"{"quantity":1}"#, status: 400, names: "Idempotency-Key"),
        BadRequest(
            what: "a negative price", method: "PUT", service: .inventory, path: "/v1/products/SKU",
            body: #"{"name":"Tea","price":{"amount":-1,"currency":"EUR"}}"#, status: 422),
        BadRequest(
            what: "a price without a currency", method: "PUT", service: .inventory, path: "/v1/products/SKU",
            body: #"{"name":"Tea","price":{"amount":1}}"#, status: 400, names: "currency"),
        BadRequest(
            what: "a product as text", method: "PUT", service: .inventory, path: "/v1/products/SKU",
            contentType: "text/plain", body: "tea", status: 415),
        BadRequest(
            what: "to delete a product", method: "DELETE", service: .inventory, path: "/v1/products/SKU",
            status: 405, names: "PUT"),
        BadRequest(what: "no such page", method: "GET", service: .inventory, path: "/v2", status: 404),
        BadRequest(
            what: "an unknown payment", method: "GET", service: .payments,
            path: "/v1/payments/0190a7b0-0000-7000-8000-000000000000", status: 404),
        BadRequest(
            what: "a payment of 7", method: "GET", service: .payments, path: "/v1/payments/7", status: 404),
        BadRequest(
            what: "to pay by hand", service: .payments, path: "/v1/payments/7", body: "{}", status: 405,
            names: "GET"),
        BadRequest(
            what: "notifications of nothing", method: "GET", service: .notifications,
            path: "/v1/notifications", status: 400, names: "orderId"),
        BadRequest(
            what: "notifications of 7", method: "GET", service: .notifications,
            path: "/v1/notifications?orderId=7", status: 400, names: "orderId"),
        BadRequest(
            what: "to notify by hand", service: .notifications, path: "/v1/notifications", body: "{}",
            status: 405, names: "GET"),
    ]
}

extension SystemTests {
    @Suite("Every refusal is a problem document with a way out") struct RefusalTests {
        private struct Problem: Decodable {
            let type: String
            let title: String
            let status: Int
            let detail: String
        }

        private let shop: RunningShop

        init() throws { shop = try .current }

        @Test func `orders refuses`() async throws { try await check(BadRequest.orders) }

        @Test func `the others refuse`() async throws { try await check(BadRequest.others) }

        @Test func `a card number is refused and kept nowhere`() async throws {
            let sku = try await shop.sell(1)
            let card = "4242424242424242"
            let bodies = [
                shop.body(sku, token: card), shop.body(sku).replacing("ada", with: card),
                shop.body(sku).replacing("}],", with: #"}],"email":"\#(card)@example.org","#),
            ]
            for body in bodies {
                let answer = try await shop.post(body)
                #expect(answer.status == 422)
                #expect(!answer.text.contains(card))
            }
            #expect(try !shop.log(.orders).contains(card))
            #expect(
                try await shop.books.number(
                    "SELECT count(*) FROM orders.orders WHERE customer_id = '\(card)'") == 0)
        }

        /// All of them in one test, as a process of its own for each would say no more.
        private func check(_ requests: [BadRequest]) async throws {
            let sku = try await shop.sell(1)
            for request in requests {
                var headers: [String: String] = [:]
                if request.body != nil { headers["Content-Type"] = request.contentType }
                if request.hasKey, request.method == "POST" { headers["Idempotency-Key"] = freshWord() }
                let answer = try await call(
                    request.method, port: shop.port(request.service),
                    request.path.replacing("SKU", with: sku), headers: headers,
                    body: request.body?.replacing("SKU", with: sku))
                let told = Comment(rawValue: "\(request.what): \(answer.status) \(answer.text)")
                #expect(answer.status == request.status, told)
                #expect(answer.header("Content-Type") == "application/problem+json", told)
                guard let problem = try? answer.json(Problem.self) else {
                    Issue.record(told)
                    continue
                }
                #expect(problem.status == request.status, told)
                #expect(!problem.type.isEmpty && !problem.title.isEmpty, told)
                #expect(problem.detail.count >= 20 && problem.detail.hasSuffix("."), told)
                #expect((problem.detail + answer.text).contains(request.names) || request.names.isEmpty, told)
                if request.status == 405 {
                    #expect(answer.header("Allow")?.contains(request.names) == true, told)
                }
            }
            #expect(try await shop.books.stock(sku) == Books.Stock(available: 1))
        }
    }
}
