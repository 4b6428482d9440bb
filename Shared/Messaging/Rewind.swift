package import Kernel
package import Postgres

/// Sets the relay back, so that everything since then is published again: consumers drop what they know.
///
/// The running relay is deposed by the new epoch and goes on from the new place. On a cluster that has no cursor yet,
/// this makes one: the one step that admits a wiped or new Kafka.
package enum Rewind {
    /// What orders two snapshots of a server: the later one's end is greater, or fewer were still under way before it.
    private static func seen(_ row: String) -> String {
        """
        (pg_snapshot_xmax(\(row).snapshot), -(SELECT count(*) FROM pg_snapshot_xip(\(row).snapshot)))
        """
    }

    private static let toStart = PostgresStatement(
        "outbox_cursor.rewind",
        """
        INSERT INTO outbox_cursor (cluster_id, system_id, snapshot, version, epoch)
        SELECT $1, system_identifier::text,
            coalesce(
                (SELECT snapshot FROM outbox_tick WHERE at <= $2 ORDER BY at DESC LIMIT 1), '1:1:'::pg_snapshot), 0, 0
        FROM pg_control_system()
        ON CONFLICT (cluster_id) DO UPDATE SET
            snapshot = CASE
                WHEN outbox_cursor.system_id = excluded.system_id AND \(seen("outbox_cursor")) < \(seen("excluded"))
                THEN outbox_cursor.snapshot ELSE excluded.snapshot END,
            system_id = excluded.system_id, version = outbox_cursor.version + 1,
            epoch = outbox_cursor.epoch + 1, moved_at = now()
        RETURNING snapshot::text
        """)

    /// Cursors of another server's transactions: the places of other clusters are lost with it.
    private static let foreignCursors = PostgresStatement(
        "outbox_cursor.forget_foreign",
        """
        DELETE FROM outbox_cursor WHERE cluster_id <> $1
            AND system_id <> (SELECT system_identifier::text FROM pg_control_system())
        """)

    /// All of them where there are rows of another server: they get other numbers.
    private static let foreignTicks = PostgresStatement(
        "outbox_tick.forget_foreign",
        """
        DELETE FROM outbox_tick WHERE pg_snapshot_xmax(snapshot) > pg_snapshot_xmax(pg_current_snapshot())
            OR EXISTS (SELECT FROM outbox WHERE xid >= pg_snapshot_xmax(pg_current_snapshot()))
        """)

    /// Gives rows that a dump brought from a server which was further numbers of this one.
    ///
    /// No cursor would ever come behind them, and what is written now would be before them. All rows share the transactions
    /// that this server has done, in their own order.
    private static let renumber = PostgresStatement(
        "outbox.renumber",
        """
        UPDATE outbox SET xid = (
            3 + place * (pg_snapshot_xmin(pg_current_snapshot())::text::bigint - 3) / total)::text::xid8
        FROM (
            SELECT xid, seq, row_number() OVER (ORDER BY seq) - 1 AS place, count(*) OVER () AS total FROM outbox
            WHERE EXISTS (SELECT FROM outbox WHERE xid >= pg_snapshot_xmax(pg_current_snapshot()))
        ) AS old
        WHERE outbox.xid = old.xid AND outbox.seq = old.seq
        """)

    /// The ticks that rows with new numbers would have had, so that the relay takes them second by second, and can go on
    /// in the midst of them.
    ///
    /// None for a transaction that one still under way comes before: a cursor would pass over what that writes.
    private static let ticks = PostgresStatement(
        "outbox_tick.make",
        """
        INSERT INTO outbox_tick (at, snapshot)
        SELECT DISTINCT ON (at) at, format('%1$s:%1$s:', next)::pg_snapshot FROM (
            SELECT date_trunc('second', max(max(occurred_at)) OVER (ORDER BY xid)) + interval '1 second' AS at,
                xid::text::bigint + 1 AS next
            FROM outbox WHERE xid < pg_snapshot_xmin(pg_current_snapshot()) GROUP BY xid
        ) AS done
        WHERE NOT EXISTS (SELECT FROM outbox_tick) ORDER BY at, next DESC
        """)

    private static let offsets = PostgresStatement(
        "consumer_offset.rewind",
        """
        UPDATE consumer_offset SET next = 0, epoch = epoch + 1
        WHERE cluster_id = $1 AND ($2::text[] IS NULL OR topic = ANY ($2))
        """)

    private static let letters = PostgresStatement(
        "dead_letter.leave",
        "UPDATE dead_letter SET cluster_id = NULL WHERE cluster_id = $1 AND topic = ANY ($2)")

    /// Makes the service hear everything on this cluster again, from the oldest record kept; what it knows
    /// changes nothing.
    ///
    /// Its running consumer is fenced and starts over.
    ///
    /// - Parameter topics: those alone; nil for all. A topic that was made anew counts from 0 again, and offsets of the one
    ///   before would pass over its first records.
    /// - Returns: the number of partitions set back.
    @discardableResult
    package static func rewindOffsets(
        cluster: String, topics: [String]? = nil, on connection: PostgresConnection
    ) async throws -> Int {
        try await connection.query(offsets(cluster, topics)).affectedRows
    }

    /// Has the service's dead letters leave their places in topics that were made anew: other records stand there now.
    ///
    /// - Parameter topics: by name; the letters themselves stay as they are.
    package static func forgetRecords(
        of topics: [String], cluster: String, on connection: PostgresConnection
    ) async throws {
        try await connection.query(letters(cluster, topics))
    }

    /// - Parameter time: publish again what was written after this moment; nil means all that is retained. What was never
    ///   published is published in any case.
    /// - Returns: the snapshot the relay now goes on from.
    package static func rewind(
        cluster: String, to time: Timestamp?, on connection: PostgresConnection
    ) async throws -> String {
        // Each by itself is safe to repeat; new numbers and their ticks come together.
        for statement in [OutboxRetention.extend(), foreignCursors(cluster)] {
            try await connection.query(statement)
        }
        try await connection.pipeline([foreignTicks(), renumber(), ticks()])
        let result = try await connection.query(toStart(cluster, time))
        guard let row = result.first else { return "" }
        return try row.string(0)
    }
}
