import Contracts
import Kernel
import Testing

@Suite("Events whose values can't be right")
struct EventRuleTests {
    private static let id = GoldenTests.orderId
    private static let total = GoldenTests.total

    /// Why an event is refused that has the right form; nil if it is read.
    private func refusal<E: Event>(_ event: E) throws -> String? {
        let value = try EventCoding.encode(event)
        do throws(ContractError) {
            _ = try EventCoding.decode(E.self, from: value)
            return nil
        } catch {
            return error.description.replacing("the value is not this event: ", with: "")
        }
    }

    private static func money(_ amount: Int64) -> Money { Money(amount: amount, currency: .eur) }

    private static func stock(
        sku: String = "mug", name: String = "A mug", price: Int64 = 1, available: Int64 = 0,
        version: Int64 = 1
    ) -> ProductStock {
        ProductStock(sku: sku, name: name, price: money(price), available: available, version: version)
    }

    private static func created(
        customer: String = "ada", email: String? = nil, lines: Int = 1, sku: String = "mug",
        quantity: Int64 = 1, price: Int64 = 1, total: Int64 = 1, token: String = "tok_ok"
    ) -> OrderCreated {
        let line = OrderCreated.Line(sku: sku, quantity: quantity, unitPrice: money(price))
        return OrderCreated(
            orderId: id, customerId: customer, email: email, lines: Array(repeating: line, count: lines),
            total: money(total), paymentToken: token)
    }

    static let bad: [(any Event, String)] = [
        (stock(sku: String(repeating: "x", count: 4000)), "sku is no SKU"), (stock(sku: ""), "sku is no SKU"),
        (stock(sku: "a b"), "sku is no SKU"),
        (stock(name: ""), "name is not 1 to 200 characters, none of them a control character"),
        (stock(name: String(repeating: "x", count: 201)), "name is not 1 to 200 characters"),
        (stock(name: "a\r\nb"), "name is not 1 to 200 characters"),
        (stock(price: 0), "price.amount is below 1"), (stock(price: -5), "price.amount is below 1"),
        (stock(available: -1), "available is below 0"),
        (stock(version: 0), "version is not between 1 and 1000000000000"),
        (stock(version: .max), "version is not between 1 and 1000000000000"),
        (created(customer: ""), "customerId is not 1 to 100 characters"),
        (created(email: String(repeating: "x", count: 255)), "email is not 3 to 254 characters"),
        (created(lines: 0), "lines are not 1 to 100"), (created(lines: 101), "lines are not 1 to 100"),
        (created(sku: ""), "lines.0.sku is not 1 to 64 characters"),
        (created(sku: String(repeating: "x", count: 65)), "lines.0.sku is not 1 to 64 characters"),
        (created(quantity: 0), "lines.0.quantity is not between 1 and 10000"),
        (created(quantity: .max), "lines.0.quantity is not between 1 and 10000"),
        (created(price: 0), "lines.0.unitPrice.amount is below 1"),
        (created(total: 0), "total.amount is below 1"),
        (created(token: "tok\u{0}"), "paymentToken is not 1 to 100 characters"),
        (
            OrderConfirmed(orderId: id, customerId: "ada", email: nil, total: money(-1)),
            "total.amount is below 1"
        ),
        (
            OrderConfirmed(orderId: id, customerId: "", email: nil, total: total),
            "customerId is not 1 to 100 characters"
        ),
        (
            OrderCancelled(orderId: id, customerId: "ada", email: "a\nb", reason: .customer),
            "email is not 3 to 254 characters"
        ),
        (StockReserved(orderId: id, total: money(-500), paymentToken: "t"), "total.amount is below 1"),
        (StockReserved(orderId: id, total: money(0), paymentToken: "t"), "total.amount is below 1"),
        (
            StockReserved(orderId: id, total: total, paymentToken: ""),
            "paymentToken is not 1 to 100 characters"
        ),
        (PaymentCaptured(orderId: id, amount: money(0)), "amount.amount is below 1"),
        (PaymentRefunded(orderId: id, amount: money(.min)), "amount.amount is below 1"),
    ]

    @Test(arguments: bad.indices)
    func `are refused, and the field is named`(index: Int) throws {
        let (event, why) = Self.bad[index]
        let found = try refusal(event)
        #expect(found?.hasPrefix(why) == true, "\(event): \(found ?? "read")")
    }

    static let good: [any Event] = [
        stock(
            sku: String(repeating: "x", count: 64), name: String(repeating: "ü", count: 200), price: .max,
            available: .max, version: 1_000_000_000_000),
        created(
            customer: String(repeating: "x", count: 100), email: "jörg@example.org", lines: 100,
            quantity: 10_000, total: .max, token: String(repeating: "x", count: 100)),
        StockReserved(orderId: id, total: money(.max), paymentToken: "t"),
        // The gateway chooses these words, and no reader keeps them.
        PaymentDeclined(orderId: id, reason: String(repeating: "x", count: 10_000)),
    ]

    @Test(arguments: good.indices)
    func `what is just within its bounds is read`(index: Int) throws {
        #expect(try refusal(Self.good[index]) == nil)
    }
}
