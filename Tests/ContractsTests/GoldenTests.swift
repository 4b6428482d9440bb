import Contracts
import Foundation
import Kernel
import Testing

/// The files are what has been released: they are added to, and never changed.
@Suite("Golden events")
struct GoldenTests {
    static let orderId = Identifier(high: 0x0189_0a5d_ac96_774b, low: 0xbcce_b302_099a_8057)
    static let total = Money(amount: 4999, currency: .eur)

    static let events: [any Event] = [
        OrderCreated(
            orderId: orderId, customerId: "customer-1", email: "ada@example.org",
            lines: [
                OrderCreated.Line(
                    sku: "mug-blue", quantity: 2, unitPrice: Money(amount: 1250, currency: .eur)),
                OrderCreated.Line(
                    sku: "tea/green", quantity: 3, unitPrice: Money(amount: 833, currency: .eur)),
            ],
            total: total, paymentToken: "tok_visa"),
        OrderConfirmed(orderId: orderId, customerId: "customer-1", email: "ada@example.org", total: total),
        OrderCancelling(orderId: orderId, reason: .deadline),
        OrderCancelled(orderId: orderId, customerId: "customer-1", email: nil, reason: .outOfStock),
        StockReserved(orderId: orderId, total: total, paymentToken: "tok_visa"),
        StockRejected(orderId: orderId, skus: ["mug-blue", "größe"]),
        StockReleased(orderId: orderId),
        ProductStock(
            sku: "mug-blue", name: "A blue mug", price: Money(amount: 1250, currency: .eur), available: 98,
            version: 7),
        PaymentCaptured(orderId: orderId, amount: total),
        PaymentDeclined(orderId: orderId, reason: "insufficient_funds"),
        PaymentVoided(orderId: orderId),
        PaymentRefunded(orderId: orderId, amount: total),
        NotificationSent(orderId: orderId, customerId: "customer-1", kind: .orderConfirmed),
        SalesCounted(
            sku: "mug-blue", start: Timestamp(unixMilliseconds: 1_763_726_460_000), seconds: 60, units: 5,
            orders: 2),
    ]

    static let names = events.map { type(of: $0).topic.name }

    static func event(_ name: String) throws -> any Event {
        try #require(events.first { type(of: $0).topic.name == name })
    }

    /// The file's one line.
    static func golden(_ name: String) throws -> [UInt8] {
        let file = URL(filePath: #filePath).deletingLastPathComponent().appending(path: "Golden/\(name).json")
        return [UInt8](try Data(contentsOf: file)).dropLast()
    }

    func isRead(_ value: [UInt8], as expected: some Event) throws -> Bool {
        try EventCoding.decode(type(of: expected), from: value) == expected
    }

    @Test(arguments: names)
    func `an event is written as its golden file, but for the order of the members`(name: String) throws {
        let written = try EventCoding.encode(try Self.event(name))
        let golden = try Self.golden(name)
        let value = try JSONSerialization.jsonObject(with: Data(written))
        #expect(AsyncAPIDocument.text(value) == String(decoding: golden, as: UTF8.self))
        // Nothing but the order: each byte is there as often.
        #expect(written.sorted() == golden.sorted())
    }

    @Test(arguments: names)
    func `a golden file is read`(name: String) throws {
        #expect(try isRead(Self.golden(name), as: Self.event(name)))
    }

    @Test(arguments: names)
    func `a field that a later version adds is ignored`(name: String) throws {
        let extended = Array(#"{"added":{"later":[1,null]},"#.utf8) + (try Self.golden(name)).dropFirst()
        #expect(try isRead(extended, as: Self.event(name)))
    }

    @Test(arguments: names)
    func `the key is the order's id, or the SKU, or the SKU and the time`(name: String) throws {
        let event = try Self.event(name)
        let others = ["inventory.stock": "mug-blue", "sales.counted": "mug-blue@2025-11-21T12:01:00.000Z"]
        #expect(event.key == others[name] ?? Self.orderId.description)
    }

    @Test func `every topic but the dead letters has a golden event`() {
        #expect(Set(Self.names).count == Self.names.count)
        #expect(Set(Topic.all.map(\.name).filter { !$0.hasSuffix(".deadLetters") }) == Set(Self.names))
    }
}
