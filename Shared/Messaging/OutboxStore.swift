import Contracts
import Kafka
import Kernel
package import Postgres

/// The relay's reading of the outbox: windows between two snapshots, in the order the rows were numbered.
///
/// A cursor over `id` loses events (numbers become visible out of order), one over `(xid, id)` under xmin turns them
/// around (the xid is drawn before the row lock is waited for) and stalls behind any long writer. The difference of two
/// snapshots does neither: PgQ's answer of 2007.
package struct OutboxStore: Sendable {
    /// Where the relay stands: everything visible in `snapshot` is published, and of the window that ends at `until`
    /// everything up to `seq`.
    package struct Cursor: Sendable, Equatable {
        var snapshot: String
        var version: Int64
        let epoch: Int64
        package var until: String?
        var seq: Int64 = 0
    }

    /// One row of the outbox.
    package struct Row: Sendable {
        let seq: Int64
        let event: CloudEvent
        let payload: [UInt8]
    }

    let connection: PostgresConnection
    let clusterID: String

    package init(connection: PostgresConnection, clusterID: String) {
        self.connection = connection
        self.clusterID = clusterID
    }

    private static let lock = PostgresStatement(
        "outbox.lock",
        "SELECT pg_try_advisory_lock(hashtextextended(current_schema() || '.outbox', 0))")

    static let heartbeat = PostgresStatement("outbox.heartbeat", "SELECT")

    private static let take = PostgresStatement(
        "outbox_cursor.take",
        """
        UPDATE outbox_cursor SET epoch = epoch + 1 WHERE cluster_id = $1
        RETURNING snapshot::text, version, epoch
        """)

    private static let move = PostgresStatement(
        "outbox_cursor.move",
        """
        UPDATE outbox_cursor SET snapshot = $2::text::pg_snapshot, version = version + 1, moved_at = now()
        WHERE cluster_id = $1 AND version = $3 AND epoch = $4
        """)

    private static let holds = PostgresStatement(
        "outbox_cursor.holds",
        "SELECT FROM outbox_cursor WHERE cluster_id = $1 AND version = $2 AND epoch = $3")

    /// $1: the cursor, $2: the window's end or null for now, $3: the last number of the window that is done.
    ///
    /// What is the same for each row stands in a subquery, which is asked once.
    static let read = PostgresStatement(
        "outbox.read",
        """
        SELECT (SELECT coalesce($2, pg_current_snapshot()::text)), seq, event_id, topic, key, version, causation_id,
            traceparent, occurred_at, payload
        FROM (
            SELECT * FROM outbox
            WHERE xid >= pg_snapshot_xmax($1::text::pg_snapshot)
                AND xid < pg_snapshot_xmax(coalesce($2::text::pg_snapshot, pg_current_snapshot()))
            UNION ALL
            SELECT * FROM outbox WHERE xid = ANY (ARRAY(SELECT pg_snapshot_xip($1::text::pg_snapshot)))
                AND xid >= pg_snapshot_xmin($1::text::pg_snapshot)
        ) AS written
        WHERE seq > $3
            AND pg_visible_in_snapshot(xid, (SELECT coalesce($2::text::pg_snapshot, pg_current_snapshot())))
        ORDER BY seq LIMIT $4
        """)

    /// The time is the end of the second, so that it is never before the snapshot: a rewind to a moment must not begin
    /// behind what was written after it.
    static let tick = PostgresStatement(
        "outbox_tick.insert",
        """
        INSERT INTO outbox_tick (at, snapshot)
        VALUES (date_trunc('second', clock_timestamp()) + interval '1 second', pg_current_snapshot())
        ON CONFLICT DO NOTHING
        """)

    private static let nextTick = PostgresStatement(
        "outbox_tick.next",
        """
        SELECT snapshot::text FROM (
            SELECT snapshot FROM outbox_tick
            WHERE pg_snapshot_xmax(snapshot) > pg_snapshot_xmax($1::text::pg_snapshot)
            ORDER BY pg_snapshot_xmax(snapshot) LIMIT $2
        ) AS ahead ORDER BY pg_snapshot_xmax(snapshot) DESC LIMIT 1
        """)

    /// True when this connection is the service's one relay; held until the connection ends.
    static func becomeLeader(on connection: PostgresConnection) async throws -> Bool {
        guard let row = try await connection.query(lock()).first else { return false }
        return try row.bool(0)
    }

    /// Takes the cursor under a new epoch; nil where this cluster has none.
    package func takeCursor() async throws -> Cursor? {
        guard let row = try await connection.query(Self.take(clusterID)).first else { return nil }
        return Cursor(snapshot: try row.string(0), version: try row.int64(1), epoch: try row.int64(2))
    }

    /// Whether the cursor is still ours and stands where we left it.
    func holds(_ cursor: Cursor) async throws -> Bool {
        try await connection.query(Self.holds(clusterID, cursor.version, cursor.epoch)).rowCount == 1
    }

    /// The end of the next window that is known to be short, where the relay is far behind; nil for "up to now".
    ///
    /// - Parameter number: the seconds in which something was written that the window is to hold, where there are so many.
    func nextTick(after cursor: Cursor, number: Int64) async throws -> String? {
        guard let row = try await connection.query(Self.nextTick(cursor.snapshot, number)).first else {
            return nil
        }
        return try row.string(0)
    }

    /// The next rows of the window, and where it ends; no rows, no end.
    package func read(after cursor: Cursor, limit: Int) async throws -> (rows: [Row], until: String?) {
        let result = try await connection.query(
            Self.read(cursor.snapshot, cursor.until, cursor.seq, Int64(limit)))
        return try Self.rows(of: result)
    }

    /// Moves the cursor to the end of a finished window and reads the next in the same round trip.
    ///
    /// - Throws: `DeposedError` where another leader or a rewind has taken the cursor; nothing was moved.
    func move(_ cursor: inout Cursor, to until: String, limit: Int) async throws -> (
        rows: [Row], until: String?
    ) {
        let results = try await connection.pipeline([
            Self.move(clusterID, until, cursor.version, cursor.epoch),
            Self.read(until, nil as String?, Int64(0), Int64(limit)),
        ])
        try Self.moved(&cursor, to: until, by: results[0])
        return try Self.rows(of: results[1])
    }

    /// Moves the cursor as above, and reads nothing.
    func move(_ cursor: inout Cursor, to until: String) async throws {
        let result = try await connection.query(Self.move(clusterID, until, cursor.version, cursor.epoch))
        try Self.moved(&cursor, to: until, by: result)
    }

    private static func moved(_ cursor: inout Cursor, to until: String, by result: PostgresResult) throws {
        guard result.affectedRows == 1 else { throw DeposedError() }
        cursor.snapshot = until
        cursor.version += 1
        cursor.until = nil
        cursor.seq = 0
    }

    private static func rows(of result: PostgresResult) throws -> (rows: [Row], until: String?) {
        var rows: [Row] = []
        rows.reserveCapacity(result.rowCount)
        for row in result {
            let topic = try row.string(3)
            let key = try row.string(4)
            rows.append(
                Row(
                    seq: try row.int64(1),
                    event: CloudEvent(
                        id: try row.identifier(2), type: topic, time: try row.timestamp(8), subject: key,
                        correlationID: Identifier(key), causationID: try row.optionalIdentifier(6),
                        traceparent: try row.optionalString(7), version: try row.int64(5)),
                    payload: try row.bytes(9)))
        }
        return (rows, try result.first?.string(0))
    }
}

/// Another relay leads now, or an operator has rewound; this one starts over.
struct DeposedError: Error {}
