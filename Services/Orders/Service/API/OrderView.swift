import Contracts
import JSON
import Kernel
import OrdersDomain
import Postgres

/// An order as clients see it.
struct OrderView: Encodable, Sendable {
    let id: Identifier
    let customerId: String
    private(set) var status: String
    private(set) var reason: String?
    let lines: [OrderCreated.Line]
    let total: Money
    let createdAt: Timestamp
    private(set) var updatedAt: Timestamp
    /// For the `ETag`; not in the body.
    private(set) var version: Int64

    var hasEnded: Bool {
        status == OrderStatus.confirmed.rawValue || status == OrderStatus.cancelled.rawValue
    }

    private enum CodingKeys: String, CodingKey {
        case id, customerId, status, reason, lines, total, createdAt, updatedAt
    }

    /// A new order, before anything has happened to it.
    init(placed: OrderStore.Placed, lines: [OrderCreated.Line]) {
        self.id = placed.id
        self.customerId = placed.draft.customerId
        self.status = OrderStatus.pending.rawValue
        self.reason = nil
        self.lines = lines
        self.total = placed.priced.total
        self.createdAt = placed.createdAt
        self.updatedAt = placed.createdAt
        self.version = 1
    }

    /// The same order at its end.
    func ended(_ ending: OrderEnding) -> OrderView {
        var order = self
        order.status = ending.status
        order.reason = ending.reason
        order.version = ending.version
        order.updatedAt = ending.updatedAt
        return order
    }

    init(row: PostgresRow) throws {
        guard let currency = Currency(try row.string(6)) else {
            throw StoredOrderError(id: try row.identifier(0))
        }
        self.id = try row.identifier(0)
        self.customerId = try row.string(1)
        self.status = try row.string(2)
        self.reason = try row.optionalString(3)
        self.lines = try JSONCoder.decode([OrderCreated.Line].self, from: row.bytes(4))
        self.total = Money(amount: try row.int64(5), currency: currency)
        self.createdAt = try row.timestamp(7)
        self.updatedAt = try row.timestamp(8)
        self.version = try row.int64(9)
    }
}
