import Contracts
import Kernel
import Messaging

@testable import ShopTool

/// The events of an order as the shop writes them, a second apart, each in Kafka a quarter of a second later.
struct History: Sendable, CustomStringConvertible {
    static let order = Identifier.v7(at: Timestamp(unixMilliseconds: 1_000_000))
    static let total = Money(amount: 1580, currency: .eur)

    let description: String
    /// How it ends: order, stock, money.
    let end: [String]
    private(set) var events: [LoggedEvent] = []

    private init(_ description: String, end: [String]) {
        self.description = description
        self.end = end
        say(
            .created(
                OrderCreated(
                    orderId: Self.order, customerId: "ada", email: nil,
                    lines: [.init(sku: "tea", quantity: 2, unitPrice: Money(amount: 790, currency: .eur))],
                    total: Self.total, paymentToken: "tok_ok")), version: 1)
        say(.sent(told(.orderReceived)), version: 1, cause: "orders.created")
    }

    /// - Parameter cause: the topic of the event that led to it.
    private mutating func say(_ fact: OrderFact, version: Int64, cause: String? = nil) {
        events.append(
            Self.event(
                fact, version: version, cause: events.last { $0.topic.name == cause }?.envelope.id,
                second: events.count, offset: Int64(events.count)))
    }

    static func event(
        _ fact: OrderFact, version: Int64, cause: Identifier?, second: Int, offset: Int64
    ) -> LoggedEvent {
        let time = Timestamp(unixMilliseconds: 1_000_000 + Int64(second) * 1000)
        let envelope = CloudEvent(
            id: .v7(at: time), type: fact.topic.name, time: time, subject: order.description,
            correlationID: order, causationID: cause, traceparent: nil, version: version)
        return LoggedEvent(
            Incoming(event: envelope, message: fact), partition: 3, offset: offset,
            publishedAt: time.advanced(by: .milliseconds(250)))
    }

    func log(_ events: [LoggedEvent]? = nil) -> OrderLog {
        var log = OrderLog(order: Self.order)
        for event in events ?? self.events { log.take(event) }
        return log
    }

    private func told(_ kind: NotificationKind) -> NotificationSent {
        NotificationSent(orderId: Self.order, customerId: "ada", kind: kind)
    }

    private mutating func reserve() {
        say(
            .reserved(StockReserved(orderId: Self.order, total: Self.total, paymentToken: "tok_ok")),
            version: 1, cause: "orders.created")
    }

    private mutating func capture() {
        say(
            .captured(PaymentCaptured(orderId: Self.order, amount: Self.total)), version: 2,
            cause: "inventory.reserved")
    }

    private mutating func cancelling() {
        say(.cancelling(OrderCancelling(orderId: Self.order, reason: .customer)), version: 2)
    }

    private mutating func release(version: Int64, cause: String) {
        say(.released(StockReleased(orderId: Self.order)), version: version, cause: cause)
    }

    private mutating func refund(version: Int64, cause: String) {
        say(
            .refunded(PaymentRefunded(orderId: Self.order, amount: Self.total)), version: version,
            cause: cause)
    }

    private mutating func cancelled(_ reason: CancellationReason, version: Int64, cause: String) {
        say(
            .cancelled(
                OrderCancelled(orderId: Self.order, customerId: "ada", email: nil, reason: reason)),
            version: version, cause: cause)
        say(.sent(told(.orderCancelled)), version: 2, cause: "orders.cancelled")
    }
}

extension History {
    static let all = [
        confirmed, declined, soldOut, refundedUnheard, tombstones, overtaken, turnedAround, soldOutMeanwhile,
    ]

    static let confirmed: History = {
        var history = History("confirmed", end: ["confirmed", "sold", "captured"])
        history.reserve()
        history.capture()
        history.say(
            .confirmed(
                OrderConfirmed(orderId: order, customerId: "ada", email: nil, total: total)),
            version: 2, cause: "payments.captured")
        history.say(.sent(history.told(.orderConfirmed)), version: 2, cause: "orders.confirmed")
        return history
    }()

    static let declined: History = {
        var history = History("declined", end: ["cancelled", "released", "declined"])
        history.reserve()
        history.say(
            .declined(PaymentDeclined(orderId: order, reason: "no_money")), version: 2,
            cause: "inventory.reserved")
        history.release(version: 2, cause: "payments.declined")
        history.cancelled(.paymentDeclined, version: 3, cause: "inventory.released")
        return history
    }()

    static let soldOut: History = {
        var history = History("sold out", end: ["cancelled", "rejected", "none"])
        history.say(
            .rejected(StockRejected(orderId: order, skus: ["tea"])), version: 1, cause: "orders.created")
        history.cancelled(.outOfStock, version: 2, cause: "inventory.rejected")
        return history
    }()

    /// The gateway takes the money after the cancellation, and gives it back.
    static let refundedUnheard: History = {
        var history = History(
            "cancelled, a capture too late", end: ["cancelled", "released", "refunded"])
        history.reserve()
        history.cancelling()
        history.release(version: 2, cause: "orders.cancelling")
        history.refund(version: 4, cause: "inventory.reserved")
        history.cancelled(.customer, version: 4, cause: "payments.refunded")
        return history
    }()

    /// Inventory and payments hear of the cancellation before they hear of the order.
    static let tombstones: History = {
        var history = History("cancelled before it was known", end: ["cancelled", "released", "voided"])
        history.cancelling()
        history.release(version: 1, cause: "orders.cancelling")
        history.say(
            .voided(PaymentVoided(orderId: order)), version: 1, cause: "orders.cancelling")
        history.cancelled(.customer, version: 4, cause: "payments.voided")
        return history
    }()

    /// The capture is said before the cancellation and heard after it.
    static let overtaken = givenBack("cancelled, the capture heard late", version: 5)

    /// Orders hears of the refund first, so that of the capture is stale.
    static let turnedAround = givenBack("cancelled, the capture heard after its refund", version: 4)

    /// - Parameter version: of the order at its end, which tells whether orders heard of the capture in time.
    private static func givenBack(_ name: String, version: Int64) -> History {
        var history = History(name, end: ["cancelled", "released", "refunded"])
        history.reserve()
        history.capture()
        history.cancelling()
        history.release(version: 2, cause: "orders.cancelling")
        history.refund(version: 4, cause: "orders.cancelling")
        history.cancelled(.customer, version: version, cause: "payments.refunded")
        return history
    }

    static let soldOutMeanwhile: History = {
        var history = History("cancelled while it is sold out", end: ["cancelled", "rejected", "voided"])
        history.cancelling()
        history.say(
            .rejected(StockRejected(orderId: order, skus: ["tea"])), version: 1, cause: "orders.created")
        history.say(
            .voided(PaymentVoided(orderId: order)), version: 1, cause: "orders.cancelling")
        history.cancelled(.customer, version: 4, cause: "payments.voided")
        return history
    }()
}
