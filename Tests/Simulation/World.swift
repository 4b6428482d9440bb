import InventoryDomain
import Kernel
import NotificationsDomain
import OrdersDomain
import PaymentsDomain

/// Everything there is: the tables of four services, their outboxes, Kafka, the gateway, and what clients
/// were told.
///
/// It has no thread, no clock and no randomness; equal worlds behave equally. What a crash loses stands under
/// "in memory", everything else is stored.
package struct World: Hashable, Sendable {
    struct Placed: Hashable, Sendable {
        let key: Int
        let lines: [StockLine]
        let charge: Charge
        /// What the gateway will say.
        let approves: Bool
    }

    /// What the gateway's own books say of an order.
    struct GatewayRow: Hashable, Sendable {
        var answered = false
        var captures = 0
        var refunds = 0
    }

    // Orders
    var placed: [Placed] = []
    var orders: [OrderState] = []

    // Inventory
    var stock: [StockLevel]
    /// What came in, from the start and by restocking.
    var received: [Int64]
    var reservations: [Reservation] = []

    // Payments
    var payments: [Payment] = []
    var ledger: [LedgerEntry] = []
    var kept: [Int64] = []

    // Notifications
    var told: [Set<NoticeKind>] = []
    var noticesWritten: [Int] = []

    // Outboxes and their relays' stored cursors, by service
    var outboxes: [[Record]] = [[], [], [], []]
    var cursors = [0, 0, 0, 0]

    // Kafka, and the consumers' positions, which stand in Postgres
    var logs: [[Record]]
    var offsets: [Int]

    // Outside
    var gateway: [GatewayRow] = []
    /// For each idempotency key that was acknowledged: the order's number.
    var acknowledged: [Int: Int] = [:]

    // In memory
    var published = [0, 0, 0, 0]
    var replies: [Reply] = []
    var paused: Set<Service> = []

    struct Reply: Hashable, Sendable {
        let order: Int
        let message: PaymentMessage
    }

    // What the checks keep
    var paths: [OrderPath] = []
    /// The first thing that went wrong; nothing is looked at after that.
    package var violation: String?

    static let skus = ["mug", "tea"]

    package init(stock: [Int64]) {
        self.stock = stock.map { StockLevel(available: $0) }
        received = stock
        logs = Array(repeating: [], count: Channel.allCases.count * Channel.partitions)
        offsets = Array(repeating: 0, count: Stream.all.count)
    }

    mutating func violate(_ what: @autoclosure () -> String) {
        if violation == nil { violation = what() }
    }

    mutating func check(_ holds: Bool, _ what: @autoclosure () -> String) {
        if !holds { violate(what()) }
    }

    /// Writes an event to the outbox of the service whose transaction this is.
    mutating func emit(_ service: Service, _ channel: Channel, _ order: Int, _ reason: CancelReason? = nil) {
        if let wrong = paths[order].advance(by: channel) { violate("S7 order \(order): \(wrong)") }
        outboxes[service.index].append(Record(channel: channel, order: order, reason: reason))
    }

    /// What a relay does with a row, each time it comes by.
    mutating func append(_ record: Record) {
        let partition = record.order % Channel.partitions
        logs[(Channel.indices[record.channel] ?? 0) * Channel.partitions + partition].append(record)
    }

    func lag(_ stream: Int) -> Int { logs[Stream.all[stream].log].count - offsets[stream] }
}
