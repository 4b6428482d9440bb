import Foundation
import Kernel
import ShopHarness
import TestSupport
import Testing

struct MoneyBody: Codable, Equatable, Sendable {
    let amount: Int64
    let currency: String
}

/// An order as clients get it.
struct OrderBody: Codable, Equatable, Sendable {
    struct Line: Codable, Equatable, Sendable {
        let sku: String
        let quantity: Int64
        let unitPrice: MoneyBody
    }

    let id: String
    let customerId: String
    let status: String
    let reason: String?
    let lines: [Line]
    let total: MoneyBody

    var identifier: Identifier {
        get throws { try #require(Identifier(id)) }
    }

    var hasEnded: Bool { status == "confirmed" || status == "cancelled" }
}

struct NotificationsBody: Codable, Sendable {
    struct Notification: Codable, Sendable {
        let orderId: String
        let customerId: String
        let kind: String
        let text: String
        let createdAt: String
    }

    let notifications: [Notification]
}

struct PaymentBody: Codable, Equatable, Sendable {
    let orderId: String
    let status: String
    let amount: MoneyBody?
}

/// What clients do, with the values that a test doesn't care about filled in.
extension RunningShop {
    /// Lists a new product with its goods, and waits until it can be ordered.
    func sell(_ quantity: Int, price: Int64 = 500) async throws -> String {
        let sku = "sku-\(freshWord())"
        let listed = try await call(
            "PUT", port: port(.inventory), "/v1/products/\(sku)",
            headers: ["Content-Type": "application/json"],
            body: #"{"name":"A test's own","price":{"amount":\#(price),"currency":"EUR"}}"#)
        try #require(listed.status == 201, "\(listed.text)")
        if quantity > 0 {
            let stocked = try await call(
                "POST", port: port(.inventory), "/v1/products/\(sku)/stock",
                headers: ["Content-Type": "application/json", "Idempotency-Key": freshWord()],
                body: #"{"quantity":\#(quantity)}"#)
            try #require(stocked.status == 200, "\(stocked.text)")
        }
        try await eventually("orders knows \(sku)", within: .seconds(30)) {
            try await books.number("SELECT count(*) FROM orders.product WHERE sku = '\(sku)'") == 1
        }
        return sku
    }

    func body(_ sku: String, quantity: Int = 1, token: String = "tok_ok") -> String {
        #"{"customerId":"ada","lines":[{"sku":"\#(sku)","quantity":\#(quantity)}],"paymentToken":"\#(token)"}"#
    }

    func post(
        _ body: String, key: String? = freshWord(), wait: Int? = nil,
        contentType: String? = "application/json", headers: [String: String] = [:]
    ) async throws -> WebAnswer {
        var headers = headers
        headers["Content-Type"] = contentType
        headers["Idempotency-Key"] = key
        headers["Prefer"] = wait.map { "wait=\($0)" }
        return try await call(
            "POST", port: port(.orders), "/v1/orders", headers: headers, body: body,
            seconds: 20 + (wait ?? 0))
    }

    /// Places an order; with `wait`, the answer is the order at its end.
    func place(
        _ sku: String, quantity: Int = 1, token: String = "tok_ok", wait: Int? = nil
    ) async throws -> OrderBody {
        let answer = try await post(body(sku, quantity: quantity, token: token), wait: wait)
        try #require(answer.status == 200 || answer.status == 202, "\(answer.text)")
        return try answer.json(OrderBody.self)
    }

    func cancel(_ order: OrderBody) async throws -> WebAnswer {
        try await call("POST", port: port(.orders), "/v1/orders/\(order.id)/cancellation")
    }

    func read(_ order: OrderBody, wait: Int? = nil) async throws -> OrderBody {
        let answer = try await call(
            "GET", port: port(.orders), "/v1/orders/\(order.id)",
            headers: wait.map { ["Prefer": "wait=\($0)"] } ?? [:], seconds: 20 + (wait ?? 0))
        try #require(answer.status == 200, "\(answer.text)")
        return try answer.json(OrderBody.self)
    }

    /// The order at its end.
    func ended(_ order: OrderBody) async throws -> OrderBody {
        let last = try await read(order, wait: 30)
        try #require(last.hasEnded, "still \(last.status) after 30 seconds")
        return last
    }

    func notifications(_ order: OrderBody) async throws -> [NotificationsBody.Notification] {
        try await call("GET", port: port(.notifications), "/v1/notifications?orderId=\(order.id)")
            .json(NotificationsBody.self).notifications
    }

    /// Waits until nothing is under way, and checks all that must hold then.
    func expectRest(
        within limit: Duration = .seconds(60), sourceLocation: SourceLocation = #_sourceLocation
    ) async throws {
        do {
            try await eventually("nothing is under way", within: limit) { try await books.underWay().isEmpty }
        } catch let error as NotInTime {
            let rest = try await books.underWay()
            Issue.record(
                error, "\(rest.count) under way: \(rest.prefix(5).joined(separator: "; "))",
                sourceLocation: sourceLocation)
            throw error
        }
        let violations = try await books.violations()
        #expect(violations == [], sourceLocation: sourceLocation)
    }
}
