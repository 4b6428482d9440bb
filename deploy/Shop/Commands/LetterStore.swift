import FoundationEssentials
import Kernel
import Postgres

/// A record that a service could not handle, as its row says.
struct Letter: Sendable {
    let id: LetterID
    let state: String
    let topic: String
    let partition: Int32
    let offset: Int64
    let key: [UInt8]?
    /// A JSON array of pairs.
    let headers: String
    /// Nil in a list, which doesn't read it, and for a record that had none.
    let value: [UInt8]?
    let bytes: Int32
    let errorClass: String
    let error: String
    let attempts: Int32
    let note: String?
    let firstSeen: Timestamp
    let changedAt: Timestamp
    /// Nil where the record is no longer in its place.
    let clusterID: String?

    /// Everything about it, for people.
    var lines: [String] {
        var fields = [
            ("id", id.description), ("state", state), ("topic", topic), ("partition", String(partition)),
            ("offset", String(offset)), ("key", key.map(Letter.printable) ?? "none"),
            ("class", errorClass), ("error", error), ("attempts", String(attempts)),
            ("first seen", firstSeen.description), ("changed", changedAt.description),
            ("cluster", clusterID ?? "none: the topic was made anew, and this record is gone from it"),
        ]
        if let note { fields.append(("reason", note)) }
        let pairs = (try? JSONDecoder().decode([[String]].self, from: Data(headers.utf8))) ?? []
        fields += pairs.filter { $0.count == 2 }.map { ("header \($0[0])", $0[1]) }
        let width = fields.map(\.0.count).max() ?? 0
        return fields.map { "\($0.oneLine.padded(to: width))  \($1.oneLine)" } + [
            "", Letter.printable(value ?? []),
        ]
    }

    /// The text, or hexadecimal digits where it isn't one.
    static func printable(_ bytes: [UInt8]) -> String {
        if let text = String(validating: bytes, as: UTF8.self), !text.unicodeScalars.contains("\0") {
            return text.oneLine
        }
        let shown = bytes.prefix(1024).map { byte in
            let hex = String(byte, radix: 16)
            return hex.count == 1 ? "0" + hex : hex
        }
        return
            "not text, \(bytes.count) bytes: \(shown.joined(separator: " "))\(bytes.count > 1024 ? " ..." : "")"
    }
}

/// The table `dead_letter` of the service whose schema the connection looks names up in.
enum LetterStore {
    private static let columns = """
        id, state, topic, partition, "offset", key, headers, coalesce(octet_length(value), 0), error_class, error,
            attempts, note, first_seen, changed_at, cluster_id
        """

    private static let list = PostgresStatement.once(
        """
        SELECT * FROM (
            SELECT \(columns), NULL::bytea FROM dead_letter
            WHERE $1::text IS NULL OR state = $1 ORDER BY id DESC LIMIT $2) AS newest
        ORDER BY id
        """)

    private static let find = PostgresStatement.once(
        "SELECT \(columns), value FROM dead_letter WHERE id = $1")

    private static let parked = PostgresStatement.once(
        "SELECT id FROM dead_letter WHERE state = 'parked' ORDER BY id")

    private static let mark = PostgresStatement.once(
        """
        UPDATE dead_letter SET state = 'retry', changed_at = now()
        WHERE id = $1 AND state IN ('parked', 'discarded', 'retry')
        """)

    private static let discard = PostgresStatement.once(
        "UPDATE dead_letter SET state = 'discarded', note = $2, changed_at = now() WHERE id = $1 AND state = 'parked'"
    )

    static func list(
        _ service: String, state: String?, limit: Int, _ connection: PostgresConnection
    ) async throws -> [Letter] {
        try await connection.query(list(state, Int64(limit))).map { try Letter($0, service) }
    }

    static func find(_ id: LetterID, _ connection: PostgresConnection) async throws -> Letter? {
        try await connection.query(find(id.number)).first.map { try Letter($0, id.service) }
    }

    /// The ids of those that wait for a person, oldest first.
    static func parked(_ service: String, _ connection: PostgresConnection) async throws -> [LetterID] {
        try await connection.query(parked()).map { LetterID(service: service, number: try $0.int64(0)) }
    }

    /// Asks the service to try again; false where there is no such letter, or it was handled already.
    static func mark(_ id: LetterID, _ connection: PostgresConnection) async throws -> Bool {
        try await connection.query(mark(id.number)).affectedRows == 1
    }

    /// False where the letter isn't parked.
    static func discard(_ id: LetterID, reason: String, _ connection: PostgresConnection) async throws -> Bool
    {
        try await connection.query(discard(id.number, reason)).affectedRows == 1
    }
}

extension Letter {
    fileprivate init(_ row: PostgresRow, _ service: String) throws {
        self.init(
            id: LetterID(service: service, number: try row.int64(0)), state: try row.string(1),
            topic: try row.string(2), partition: try row.int32(3), offset: try row.int64(4),
            key: try row.optionalBytes(5), headers: try row.string(6), value: try row.optionalBytes(15),
            bytes: try row.int32(7), errorClass: try row.string(8), error: try row.string(9),
            attempts: try row.int32(10), note: try row.optionalString(11), firstSeen: try row.timestamp(12),
            changedAt: try row.timestamp(13), clusterID: try row.optionalString(14))
    }
}
