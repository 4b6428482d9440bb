import InventoryDomain
import Kernel
import Postgres

/// A reservation as it is stored, or as it will be.
struct StoredReservation: Sendable {
    let orderID: Identifier
    var state: Reservation
    /// What is or was held; kept when it is given back or sold, for people and for audits.
    var lines: [StockLine] = []
    /// Grows by one with each change; 0 while there is no row.
    var version: Int64 = 0
    var isNew = false

    /// Takes over what a decision made of it.
    mutating func change(to state: Reservation) {
        if case .held(let lines) = state { self.lines = lines }
        self.state = state
        version += 1
    }

    /// A reservation of an order that was not heard of yet.
    static func unknown(_ orderID: Identifier) -> StoredReservation {
        StoredReservation(orderID: orderID, state: .none, isNew: true)
    }
}

/// Rows of `reservation`.
enum ReservationStore {
    private static let lockRows = PostgresStatement(
        "reservation.lock",
        """
        SELECT order_id, status, skus, quantities, version
        FROM reservation WHERE order_id = ANY ($1) ORDER BY order_id FOR NO KEY UPDATE
        """)

    /// Without ON CONFLICT on purpose.
    ///
    /// Should another transaction have made one of the rows since we looked, all that was decided here is wrong. The
    /// violation undoes it, and the batch is decided again by what is there then.
    private static let insert = PostgresStatement(
        "reservation.insert",
        """
        INSERT INTO reservation (order_id, status, skus, quantities, version, created_at, updated_at)
        SELECT order_id, status, skus::text[], quantities::bigint[], version, $6, $6
        FROM (
            SELECT unnest($1::uuid[]) AS order_id, unnest($2::text[]) AS status, unnest($3::text[]) AS skus,
                unnest($4::text[]) AS quantities, unnest($5::bigint[]) AS version
        ) AS made
        """)

    private static let update = PostgresStatement(
        "reservation.update",
        """
        UPDATE reservation SET status = changed.status, version = changed.version, updated_at = $4
        FROM (
            SELECT unnest($1::uuid[]) AS order_id, unnest($2::text[]) AS status, unnest($3::bigint[]) AS version
        ) AS changed
        WHERE reservation.order_id = changed.order_id
        """)

    /// Locks the reservations of these orders in the order of their ids, whoever locks.
    static func lock(_ orderIDs: [Identifier]) -> PostgresQuery { lockRows(orderIDs) }

    static func reservations(from result: PostgresResult) throws -> [Identifier: StoredReservation] {
        var reservations: [Identifier: StoredReservation] = [:]
        reservations.reserveCapacity(result.rowCount)
        for row in result {
            let reservation = try StoredReservation(row: row)
            reservations[reservation.orderID] = reservation
        }
        return reservations
    }

    /// Writes what has changed: new rows and old ones, each in one statement.
    static func write(
        _ reservations: [StoredReservation], at time: Timestamp, in transaction: PostgresTransaction
    ) {
        let made = reservations.filter(\.isNew)
        if !made.isEmpty {
            transaction.enqueue(
                insert(
                    made.map(\.orderID), made.map(\.state.status.rawValue),
                    made.map { arrayLiteral($0.lines.map(\.sku)) },
                    made.map { arrayLiteral($0.lines.map { String($0.quantity) }) }, made.map(\.version), time
                ))
        }
        let changed = reservations.filter { !$0.isNew }
        if !changed.isEmpty {
            transaction.enqueue(
                update(
                    changed.map(\.orderID), changed.map(\.state.status.rawValue), changed.map(\.version), time
                ))
        }
    }

    /// An array in the text form Postgres reads, since `unnest` would tear arrays of arrays apart.
    static func arrayLiteral(_ elements: [String]) -> String {
        var literal = [UInt8(ascii: "{")]
        for (index, element) in elements.enumerated() {
            if index > 0 { literal.append(UInt8(ascii: ",")) }
            literal.append(UInt8(ascii: "\""))
            // Not by characters: a quote with an accent is one of its own to Swift, and a quote to Postgres.
            for byte in element.utf8 {
                if byte == UInt8(ascii: "\"") || byte == UInt8(ascii: "\\") {
                    literal.append(UInt8(ascii: "\\"))
                }
                literal.append(byte)
            }
            literal.append(UInt8(ascii: "\""))
        }
        literal.append(UInt8(ascii: "}"))
        return String(decoding: literal, as: UTF8.self)
    }
}

extension StoredReservation {
    fileprivate init(row: PostgresRow) throws {
        let orderID = try row.identifier(0)
        let lines = zip(try row.stringArray(2), try row.int64Array(3)).map {
            StockLine(sku: $0, quantity: $1)
        }
        guard let status = ReservationStatus(rawValue: try row.string(1)) else {
            throw StoredReservationError(orderID: orderID)
        }
        let state: Reservation =
            switch status {
            case .none: .none
            case .held: .held(lines)
            case .rejected: .rejected
            case .released: .released
            case .sold: .sold
            }
        self.init(orderID: orderID, state: state, lines: lines, version: try row.int64(4))
    }
}

/// A row has a status no decider wrote: somebody changed it by hand.
///
/// Nothing is done to the reservation.
struct StoredReservationError: Error, CustomStringConvertible {
    let orderID: Identifier
    var description: String { "the reservation of order \(orderID) has a status this build doesn't know" }
}
