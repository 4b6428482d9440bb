import Contracts
import Postgres
import Testing

@testable import Messaging

/// An event of the outbox as the cursors under comparison see it.
struct SeenEvent: Hashable, Sendable {
    let key: String
    let version: Int64
}

/// A way to read the outbox bit by bit: each call goes on where the last one ended.
protocol OutboxReader {
    nonisolated(nonsending) mutating func read() async throws -> [SeenEvent]
}

/// Ours: the difference of two snapshots.
struct SnapshotReader: OutboxReader {
    let store: OutboxStore
    var cursor: OutboxStore.Cursor
    let limit: Int

    init(_ connection: PostgresConnection, pool: PostgresPool, limit: Int = 1000) async throws {
        let cluster = KafkaCluster(id: "cluster")
        try await cluster.admit(policy: .stop, pool: pool)
        store = OutboxStore(connection: connection, clusterID: cluster.id)
        cursor = try #require(try await store.takeCursor())
        self.limit = limit
    }

    nonisolated(nonsending) mutating func read() async throws -> [SeenEvent] {
        var seen: [SeenEvent] = []
        var (rows, until) = try await store.read(after: cursor, limit: limit)
        while let end = until, let last = rows.last {
            seen += rows.map(\.seen)
            cursor.until = end
            cursor.seq = last.seq
            (rows, until) = try await store.read(after: cursor, limit: limit)
        }
        if let end = cursor.until {
            (rows, until) = try await store.move(&cursor, to: end, limit: limit)
        }
        return seen
    }
}

/// What most outboxes do: everything after the last number seen.
struct SequenceReader: OutboxReader {
    let connection: PostgresConnection
    var last: Int64 = 0

    nonisolated(nonsending) mutating func read() async throws -> [SeenEvent] {
        let sql = "SELECT key, version, seq FROM outbox WHERE seq > $1 ORDER BY seq"
        let result = try await connection.query(PostgresStatement.once(sql)(last))
        for row in result { last = try row.int64(2) }
        return try result.map { SeenEvent(key: try $0.string(0), version: try $0.int64(1)) }
    }
}

/// What careful outboxes do: everything after the last transaction and number seen, but only of transactions before the
/// oldest one still running.
struct TransactionReader: OutboxReader {
    let connection: PostgresConnection
    var last = (xid: "0", seq: Int64(0))

    nonisolated(nonsending) mutating func read() async throws -> [SeenEvent] {
        let sql = """
            SELECT key, version, xid::text, seq FROM outbox
            WHERE (xid, seq) > ($1::text::xid8, $2) AND xid < pg_snapshot_xmin(pg_current_snapshot())
            ORDER BY outbox.xid, seq
            """
        let result = try await connection.query(PostgresStatement.once(sql)(last.xid, last.seq))
        for row in result { last = (try row.string(2), try row.int64(3)) }
        return try result.map { SeenEvent(key: try $0.string(0), version: try $0.int64(1)) }
    }
}

extension OutboxStore.Row {
    var seen: SeenEvent { SeenEvent(key: event.subject, version: event.version) }
}
