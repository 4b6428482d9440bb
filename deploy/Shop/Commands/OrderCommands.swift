import Contracts
import FoundationEssentials
import Kernel
import Messaging

/// `shop order`: what a customer does, from the command line.
enum OrderCommands {
    static let all = [place, get, cancel, list]

    private static let wait = CommandOption.number(
        "--wait", "N", in: 1...60, "wait up to N seconds for the order to end")

    static let place = Command(
        verb: "place", summary: "place an order",
        options: [
            CommandOption(
                name: "--sku", value: .text("SKU[=QTY]"), isRequired: true, isRepeated: true,
                meaning: "what to order, and how many [1]"),
            .text("--customer", "C", "the customer's id [operator]"),
            .text("--email", "E", "where the customer is told"),
            .text("--token", "T", "how to pay [tok_ok]"),
            .text("--key", "K", "the Idempotency-Key: the same key is the same order [a new one]"),
            wait, .json,
        ],
        details: """
            The sandbox gateway does what the token says: tok_ok, tok_declined, tok_slow, tok_timeout_captured,
            tok_timeout_lost, tok_error_once.

            Example: shop order place --sku tea-assam=2 --wait 10
            """,
        run: { arguments, shop in
            let key = arguments.text("--key") ?? Identifier.v7(at: .now()).description
            var headers = ["Idempotency-Key": key]
            if let seconds = arguments.number("--wait") { headers["Prefer"] = "wait=\(seconds)" }
            let body = try OrderBody(arguments).json
            let remedy = "repeat it with `--key \(key)`"
            let answer = try await shop.web.send(
                .post, try shop.settings[.ordersURL] + "/v1/orders", headers: headers, json: body,
                timeout: patience(arguments), remedy: remedy)
            // A service that has no answer in time asks for the same again, with the same key.
            guard answer.status < 500 else { throw Failure("\(answer.refusal) (\(remedy))") }
            return try show(answer, arguments, shop)
        })

    static let get = Command(
        verb: "get", summary: "show one order", operands: [Operand(name: "ID")], options: [wait, .json],
        run: { arguments, shop in
            let headers = arguments.number("--wait").map { ["Prefer": "wait=\($0)"] } ?? [:]
            let answer = try await shop.web.send(
                .get, try url(of: arguments, shop), headers: headers, timeout: patience(arguments))
            return try show(answer, arguments, shop)
        })

    static let cancel = Command(
        verb: "cancel", summary: "cancel one that is not confirmed yet", operands: [Operand(name: "ID")],
        options: [.json],
        run: { arguments, shop in
            let answer = try await shop.web.send(
                .post, try url(of: arguments, shop) + "/cancellation", remedy: "repeat it")
            return try show(answer, arguments, shop)
        })

    static let list = Command(
        verb: "list", summary: "list orders, newest first",
        options: [
            .text("--customer", "C", "of this customer alone"),
            .choice(
                "--status", of: ["pending", "confirmed", "cancelling", "cancelled"], "in this status alone"),
            .number("--limit", "N", in: 1...10_000, "at most so many [20]"), .json,
        ],
        run: { arguments, shop in
            let orders = try await orders(arguments, limit: arguments.number("--limit") ?? 20, shop)
            var table = Table("order", "status", "reason", "customer", "lines", "total", "placed")
            for order in orders {
                table.add(
                    .text(order.id.description), .text(order.status), order.reason.map { .text($0) } ?? .none,
                    .text(order.customerId),
                    .number(Int64(order.lines.count)), .text(order.total.text),
                    .text(order.createdAt.description))
            }
            shop.console.show(table, asJSON: arguments.has("--json"))
            return .success
        })

    /// Page after page, until there are enough or no more.
    private static func orders(_ arguments: Arguments, limit: Int, _ shop: Shop) async throws -> [OrderAnswer]
    {
        var orders: [OrderAnswer] = []
        var cursor: String?
        repeat {
            let query = [
                ("customerId", arguments.text("--customer")), ("status", arguments.text("--status")),
                ("limit", String(min(100, limit - orders.count))), ("cursor", cursor),
            ]
            let answer = try await shop.web.send(
                .get, try shop.settings[.ordersURL] + "/v1/orders" + queryText(query))
            let page = try answer.decode(OrderPage.self)
            orders += page.orders
            cursor = page.nextCursor
        } while cursor != nil && orders.count < limit
        return orders
    }

    private static func show(_ answer: WebAnswer, _ arguments: Arguments, _ shop: Shop) throws -> ExitCode {
        let order = try answer.decode(OrderAnswer.self)
        shop.console.say(arguments.has("--json") ? answer.text : order.text)
        return .success
    }

    private static func url(of arguments: Arguments, _ shop: Shop) throws -> String {
        let id = try arguments.order()
        return try shop.settings[.ordersURL] + "/v1/orders/\(id)"
    }

    /// The service answers within the time it was given; some is on top for the way.
    private static func patience(_ arguments: Arguments) -> Duration {
        .seconds(10 + (arguments.number("--wait") ?? 0))
    }
}

/// `shop products`: what can be ordered.
enum ProductCommands {
    static let list = Command(
        verb: nil, summary: "list the products with their stock", options: [.json],
        run: { arguments, shop in
            var table = Table("sku", "name", "price", "available", "reserved", "sold")
            var cursor: String?
            repeat {
                let query = queryText([("limit", "100"), ("cursor", cursor)])
                let answer = try await shop.web.send(
                    .get, try shop.settings[.inventoryURL] + "/v1/products" + query)
                let page = try answer.decode(ProductPage.self)
                for product in page.products {
                    table.add(
                        .text(product.sku), .text(product.name), .text(product.price.text),
                        .number(product.available), .number(product.reserved), .number(product.sold))
                }
                cursor = page.nextCursor
            } while cursor != nil
            shop.console.show(table, asJSON: arguments.has("--json"))
            return .success
        })
}

/// The body of `POST /v1/orders`, from the options of `shop order place`.
struct OrderBody: Encodable, Equatable, Sendable {
    struct Line: Encodable, Equatable, Sendable {
        let sku: String
        let quantity: Int64
    }

    let customerId: String
    let email: String?
    let lines: [Line]
    let paymentToken: String

    init(_ arguments: Arguments) throws(UsageError) {
        customerId = arguments.text("--customer") ?? "operator"
        email = arguments.text("--email")
        paymentToken = arguments.text("--token") ?? "tok_ok"
        var lines: [Line] = []
        for text in arguments.texts("--sku") {
            let parts = text.split(separator: "=", omittingEmptySubsequences: false)
            guard let sku = parts.first, !sku.isEmpty, parts.count <= 2,
                let quantity = parts.count == 2 ? Int64(parts[1]) : 1
            else { throw UsageError("`--sku` takes SKU or SKU=QUANTITY, such as tea-assam=2, not `\(text)`") }
            lines.append(Line(sku: String(sku), quantity: quantity))
        }
        self.lines = lines
    }

    var json: [UInt8] { get throws { Array(try JSONEncoder().encode(self)) } }
}

/// A query's text with its question mark; what has no value is left out.
func queryText(_ parameters: [(name: String, value: String?)]) -> String {
    let pairs = parameters.compactMap { name, value in value.map { "\(name)=\(percentEncoded($0))" } }
    return pairs.isEmpty ? "" : "?" + pairs.joined(separator: "&")
}

/// Fit for a place within a URL's query (RFC 3986's unreserved characters stay as they are).
func percentEncoded(_ text: String) -> String {
    text.utf8.reduce(into: "") { result, byte in
        switch byte {
        case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
            UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "-"), UInt8(ascii: "."), UInt8(ascii: "_"),
            UInt8(ascii: "~"):
            result.unicodeScalars.append(Unicode.Scalar(byte))
        default:
            let hex = String(byte, radix: 16, uppercase: true)
            result += hex.count == 1 ? "%0\(hex)" : "%\(hex)"
        }
    }
}
