import Kafka
import Kernel
import Messaging
import Postgres

/// `shop outbox`: what the services have still to publish, and how to have them publish again.
enum OutboxCommands {
    static let all = [status, rewind]

    static let status = Command(
        verb: "status", summary: "show what each service has published and what waits",
        options: [.service, .json],
        details: """
            A row for each Kafka cluster that a service has ever published to; CURRENT marks the one that
            KAFKA_BOOTSTRAP_SERVERS names. LEADER says whether a relay of the service runs.
            """,
        run: { arguments, shop in
            var cluster: String?
            do {
                cluster = try await shop.withKafka { try await $0.clusterID(timeout: .seconds(3)) }
            } catch {
                // What Postgres knows is worth showing, and most of all where Kafka is away.
                shop.console.note("shop: \(explain(error, shop.settings)): so CURRENT is not known")
            }
            var table = Table(
                "service", "rows", "cluster", "current", "unpublished", "oldestUnpublished", "leader")
            for service in shop.services(arguments) {
                let (rows, states) = try await shop.withDatabase(schema: service, patience: .seconds(600)) {
                    (try await OutboxState.rows($0), try await OutboxState.read(service, $0))
                }
                for state in states {
                    table.add(
                        .text(service), .number(rows), state.cluster.map { .text($0) } ?? .none,
                        cluster.map { .bool($0 == state.cluster) } ?? .none, .number(state.unpublished),
                        state.oldestSeconds.map { .seconds($0) } ?? .none, .bool(state.hasLeader))
                }
            }
            shop.console.show(table, asJSON: arguments.has("--json"))
            return .success
        })

    static let rewind = Command(
        verb: "rewind", summary: "publish again what is in the outbox, to the cluster in use",
        options: [
            .choice("--service", of: Shop.services, "the service that shall publish again"),
            .flag("--all", "all services"),
            .text(
                "--to", "TIME",
                "what was written after this moment, such as 2026-11-21T12:00:00Z, and what was never published; "
                    + "without it, everything"),
            .flag("--offsets", "have the service read its topics again from the beginning, too"),
        ],
        details: """
            For a Kafka that is new, was wiped or was restored: the services stop on a cluster they don't know until this
            has said where to begin. It makes the topics that are missing there. Harmless at any other time: consumers
            drop what they have handled before. A running service goes on from the new place within a second. What the
            retention has dropped is not published again; it says up to when that is. Of products inventory then tells
            the latest, however old.

            Where a partition ends before what a service has handled of it, the service notices, and reads it again from the
            beginning by itself; where it has grown past that since, nobody can tell, and --offsets is needed.
            """,
        run: { arguments, shop in
            guard arguments.has("--all") != arguments.has("--service") else {
                throw UsageError("`shop outbox rewind` needs either --service or --all")
            }
            let time = try arguments.time("--to")
            let (cluster, topics) = try await TopicSetup.establish(TopicPlan(shop.settings), shop)
            if !topics.isEmpty { shop.console.say("made the topics \(topics.joined(separator: ", "))") }
            for service in shop.services(arguments) {
                let (count, gone) = try await shop.withDatabase(schema: service) { connection in
                    if arguments.has("--offsets") {
                        _ = try await Rewind.rewindOffsets(cluster: cluster, on: connection)
                    }
                    let snapshot = try await Rewind.rewind(cluster: cluster, to: time, on: connection)
                    let gone = try await Dropped.latest(connection)
                    if gone != nil, service == "inventory" { try await Dropped.tellProducts(connection) }
                    return (try await OutboxState.count(after: snapshot, connection), gone)
                }
                let since = time.map { "written since \($0)" } ?? "it ever wrote and keeps"
                shop.console.say(
                    "\(service): publishes \(count) events, all \(since), to the cluster \(cluster)")
                if let gone, time.map({ $0 < gone }) ?? true {
                    shop.console.say("\(service): those from before \(gone) may be gone, by its retention")
                }
            }
            return .success
        })
}

/// What a service's retention has dropped.
private enum Dropped {
    private static let find = PostgresStatement.once("SELECT max(newest) FROM outbox_dropped")

    /// A new version, so that the publisher takes each for a change; it looks once a minute.
    private static let products = PostgresStatement.once("UPDATE product SET version = version + 1")

    static func latest(_ connection: PostgresConnection) async throws -> Timestamp? {
        try await connection.query(find()).first?.optionalTimestamp(0)
    }

    /// Has inventory tell the stock of each product again: the last word on one may have been dropped long ago.
    static func tellProducts(_ connection: PostgresConnection) async throws {
        try await connection.query(products())
    }
}

/// How far a service's outbox is published to one cluster.
struct OutboxState: Sendable {
    /// Nil where the service never ran.
    let cluster: String?
    let unpublished: Int64
    let oldestSeconds: Double?
    /// Whether a session holds the lock of the service's relay.
    let hasLeader: Bool

    /// What a cursor has not seen: written after it, or still being written when it was taken.
    static func unpublished(_ snapshot: String) -> String {
        """
        SELECT count(*) AS count, min(occurred_at) AS oldest FROM (
            SELECT occurred_at FROM outbox WHERE xid >= pg_snapshot_xmax(\(snapshot))
            UNION ALL
            SELECT occurred_at FROM outbox WHERE xid = ANY (ARRAY(SELECT pg_snapshot_xip(\(snapshot))))
        ) AS unseen
        """
    }

    private static let read = PostgresStatement.once(
        """
        SELECT cluster_id, waiting.count,
            (extract(epoch FROM now() - waiting.oldest) * 1000)::bigint,
            EXISTS (
                SELECT FROM pg_locks WHERE locktype = 'advisory' AND granted AND objsubid = 1
                    AND database = (SELECT oid FROM pg_database WHERE datname = current_database())
                    AND (classid::bigint << 32 | objid::bigint) = hashtextextended($1 || '.outbox', 0))
        FROM (SELECT) AS one
        LEFT JOIN outbox_cursor ON true
        LEFT JOIN LATERAL (
            \(unpublished("coalesce(snapshot, '1:1:'::pg_snapshot)"))
        ) AS waiting ON true
        ORDER BY moved_at
        """)

    static func read(_ service: String, _ connection: PostgresConnection) async throws -> [OutboxState] {
        try await connection.query(read(service)).map { row in
            OutboxState(
                cluster: try row.optionalString(0), unpublished: try row.int64(1),
                oldestSeconds: try row.optionalInt64(2).map { max(0, Double($0) / 1000) },
                hasLeader: try row.bool(3))
        }
    }

    private static let count = PostgresStatement.once("SELECT count(*) FROM outbox")

    /// How many events there are, published or not; a second or two for each million.
    static func rows(_ connection: PostgresConnection) async throws -> Int64 {
        try await connection.query(count())[0].int64(0)
    }

    /// How many rows a relay publishes that goes on from this snapshot.
    static func count(after snapshot: String, _ connection: PostgresConnection) async throws -> Int64 {
        let statement = PostgresStatement.once(
            "SELECT count FROM (\(unpublished("$1::text::pg_snapshot"))) AS waiting")
        return try await connection.query(statement(snapshot))[0].int64(0)
    }
}
