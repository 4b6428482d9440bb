/// One row of the table of topics: what a topic is called, who writes it, who reads it, how long it is kept.
package struct Topic: Hashable, Sendable {
    package enum Key: String, Sendable {
        case orderID, sku
        /// `SKU@START`: a product in a window of time.
        case window
    }

    package enum Retention: Hashable, Sendable {
        /// Records leave after this many days. Deduplication must reach further back than this plus any rewind.
        case days(Int)
        /// The latest record of each key stays for ever; `nil` values are removed in time.
        case compacted
    }

    package let name: String
    package let key: Key
    package let retention: Retention
    package let publisher: String
    package let consumers: [String]

    /// Of each topic in a new shop.
    ///
    /// The same everywhere, so that one order lands on the same partition number in every topic and an
    /// instance that owns a partition owns all of that order.
    ///
    /// It is also the most instances of a service that have something to do. More are dear: librdkafka sends a request
    /// for each partition that has something new, and each fetch names all that a service hears. A shop that is to have
    /// more begins with more (`KAFKA_PARTITIONS`), since later would move keys.
    package static let partitions: Int32 = 3
}

extension Topic {
    package static let ordersCreated = order("orders.created", to: ["inventory", "notifications", "sales"])
    package static let ordersConfirmed = order(
        "orders.confirmed", to: ["inventory", "notifications", "sales"])
    package static let ordersCancelling = order("orders.cancelling", to: ["inventory", "payments"])
    package static let ordersCancelled = order("orders.cancelled", to: ["notifications", "sales"])
    package static let inventoryReserved = order("inventory.reserved", to: ["payments"])
    package static let inventoryRejected = order("inventory.rejected", to: ["orders"])
    package static let inventoryReleased = order("inventory.released", to: ["orders"])
    package static let paymentsCaptured = order("payments.captured", to: ["orders"])
    package static let paymentsDeclined = order("payments.declined", to: ["orders", "inventory"])
    package static let paymentsVoided = order("payments.voided", to: ["orders"])
    package static let paymentsRefunded = order("payments.refunded", to: ["orders"])
    package static let notificationsSent = order("notifications.sent", to: [])
    package static let inventoryStock = Topic(
        name: "inventory.stock", key: .sku, retention: .compacted, publisher: "inventory",
        consumers: ["orders"])
    package static let salesCounted = Topic(
        name: "sales.counted", key: .window, retention: .days(7), publisher: "sales", consumers: [])

    /// The services, in the order in which an order passes them.
    package static let services = ["orders", "inventory", "payments", "notifications", "sales"]

    /// Every topic of the shop; `shop setup` makes them from this and no service makes any.
    package static let all: [Topic] =
        [
            ordersCreated, ordersConfirmed, ordersCancelling, ordersCancelled, inventoryReserved,
            inventoryRejected,
            inventoryReleased, paymentsCaptured, paymentsDeclined, paymentsVoided, paymentsRefunded,
            notificationsSent,
            inventoryStock, salesCounted,
        ] + services.map(deadLetters(of:))

    /// Where a service shows what it could not handle.
    ///
    /// For people: the rows in its schema are what counts.
    package static func deadLetters(of service: String) -> Topic {
        Topic(
            name: "\(service).deadLetters", key: .orderID, retention: .days(30), publisher: service,
            consumers: [])
    }

    /// The topics a service reads, in the table's order.
    package static func consumed(by service: String) -> [Topic] {
        all.filter { $0.consumers.contains(service) }
    }

    /// The topics a service writes, in the table's order.
    package static func published(by service: String) -> [Topic] {
        all.filter { $0.publisher == service }
    }

    private static func order(_ name: String, to consumers: [String]) -> Topic {
        Topic(
            name: name, key: .orderID, retention: .days(7),
            publisher: String(name.prefix { $0 != "." }), consumers: consumers)
    }
}
