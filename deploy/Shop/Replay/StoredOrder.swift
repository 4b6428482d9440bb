import Contracts
import InventoryDomain
import Kernel
import NotificationsDomain
import OrdersDomain
import PaymentsDomain
import Postgres

/// What the services' tables have of an order, or what they should have: by table and column, as text.
///
/// What is in no column is not among the keys, so no row is no key. A customer's address and the payment token are left
/// out: nobody has to see them to know that two tables differ.
struct StoredOrder: Equatable, Sendable {
    var values: [String: String] = [:]

    /// - Returns: what is not the same, by column; nil where there is nothing.
    func differences(from rebuilt: StoredOrder) -> [Difference] {
        Set(values.keys).union(rebuilt.values.keys).sorted().compactMap { column in
            values[column] == rebuilt.values[column]
                ? nil
                : Difference(column: column, events: rebuilt.values[column], table: values[column])
        }
    }
}

/// A column that is not what the events say.
struct Difference: Equatable, Sendable, CustomStringConvertible {
    let column: String
    let events: String?
    let table: String?

    var description: String {
        "\(column): \(events ?? "nothing") by the events, \(table ?? "nothing") in the table"
    }
}

extension OrderReplay {
    /// What the tables have if they are the fold of the events.
    var stored: StoredOrder {
        var stored = StoredOrder()
        let last = last
        func set(_ column: String, _ value: String?) { stored.values[column] = value }
        if let order = last.order, let placed {
            set("orders.orders.customer_id", placed.customerId)
            set("orders.orders.total", placed.total.text)
            set("orders.orders.stock", order.stock.rawValue)
            set("orders.orders.money", order.money.rawValue)
            set("orders.orders.cancelled_by", order.cancellation?.rawValue)
            set("orders.orders.status", order.status.rawValue)
            set("orders.orders.reason", order.reason?.rawValue)
            set("orders.orders.version", last.versions[.orders].map { "\($0)" })
        }
        if let version = last.versions[.inventory] {
            set("inventory.reservation.status", last.stock.status.rawValue)
            let lines = last.held.map { "\($0.quantity) x \($0.sku)" }.joined(separator: ", ")
            set("inventory.reservation.lines", lines.isEmpty ? nil : lines)
            set("inventory.reservation.version", "\(version)")
        }
        if let version = last.versions[.payments] {
            set("payments.payment.status", last.money.status.rawValue)
            set("payments.payment.amount", last.money.charge?.amount.text)
            if last.money.status == .declined { set("payments.payment.reason", last.refusal) }
            set("payments.payment.version", "\(version)")
        }
        for posting in last.postings { set("payments.posting.\(posting.kind.rawValue)", posting.amount.text) }
        for kind in last.told.map(\.rawValue) { set("notifications.message.\(kind)", "written") }
        return stored
    }
}

/// Reads what the services have stored of orders, in a transaction that sees one moment.
enum StoredOrders {
    /// Orders in one question.
    static let pageSize = 1000

    private static let orders = PostgresStatement(
        "replay.orders",
        """
        SELECT id, customer_id, total_amount, currency, stock, money, cancelled_by, status, reason, version
        FROM orders.orders WHERE id = ANY ($1)
        """)
    private static let reservations = PostgresStatement(
        "replay.reservations",
        """
        SELECT order_id, status, skus, quantities, version FROM inventory.reservation WHERE order_id = ANY ($1)
        """)
    private static let payments = PostgresStatement(
        "replay.payments",
        """
        SELECT order_id, status, amount, currency, reason, version FROM payments.payment WHERE order_id = ANY ($1)
        """)
    private static let postings = PostgresStatement(
        "replay.postings",
        "SELECT order_id, kind, amount, currency FROM payments.posting WHERE order_id = ANY ($1)")
    private static let messages = PostgresStatement(
        "replay.messages", "SELECT order_id, kind FROM notifications.message WHERE order_id = ANY ($1)")

    /// - Parameter ids: at most `pageSize` of them.
    static func read(
        _ ids: [Identifier], _ connection: PostgresConnection
    ) async throws -> [Identifier: StoredOrder] {
        var stored: [Identifier: StoredOrder] = [:]
        func set(_ row: PostgresRow, _ column: String, _ value: String?) throws {
            stored[try row.identifier(0), default: StoredOrder()].values[column] = value
        }
        for row in try await connection.query(orders(ids)) {
            try set(row, "orders.orders.customer_id", row.string(1))
            try set(row, "orders.orders.total", amount(row, 2))
            for (column, name) in [4: "stock", 5: "money", 6: "cancelled_by", 7: "status", 8: "reason"] {
                try set(row, "orders.orders.\(name)", row.optionalString(column))
            }
            try set(row, "orders.orders.version", "\(row.int64(9))")
        }
        for row in try await connection.query(reservations(ids)) {
            try set(row, "inventory.reservation.status", row.string(1))
            let lines = zip(try row.int64Array(3), try row.stringArray(2)).map { "\($0) x \($1)" }
            try set(
                row, "inventory.reservation.lines", lines.isEmpty ? nil : lines.joined(separator: ", "))
            try set(row, "inventory.reservation.version", "\(row.int64(4))")
        }
        for row in try await connection.query(payments(ids)) {
            let status = try row.string(1)
            try set(row, "payments.payment.status", status)
            try set(row, "payments.payment.amount", amount(row, 2))
            // Of a refusal that came too late the gateway's word is stored, and in no event.
            if status == "declined" { try set(row, "payments.payment.reason", row.optionalString(4)) }
            try set(row, "payments.payment.version", "\(row.int64(5))")
        }
        for row in try await connection.query(postings(ids)) {
            try set(row, "payments.posting.\(row.string(1))", amount(row, 2))
        }
        for row in try await connection.query(messages(ids)) {
            try set(row, "notifications.message.\(row.string(1))", "written")
        }
        return stored
    }

    /// - Returns: the amount at a column and the currency after it, for people; nil where there is none.
    private static func amount(_ row: PostgresRow, _ column: Int) throws -> String? {
        guard let amount = try row.optionalInt64(column), let code = try row.optionalString(column + 1)
        else { return nil }
        return Currency(code).map { Money(amount: amount, currency: $0).text } ?? "\(amount) \(code)"
    }
}
