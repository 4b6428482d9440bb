import Contracts
import Kafka
import Kernel
import Postgres

/// H1 to H4: what the outboxes say was published, against what stands in the topics.
enum TopicChecks {
    private static let lostSays = "every event that a relay has published is in its topic"
    private static let phantomSays = "every record in a topic is an event of an outbox, or a dead letter"
    private static let orderSays = "in each topic the versions of a key rise, not counting repetitions"
    private static let homeSays = "a key is on the same partition in every topic"

    static func skipped(because reason: String) -> [Finding] {
        [("H1", lostSays), ("H2", phantomSays), ("H3", orderSays), ("H4", homeSays)]
            .map { .skipped($0.0, $0.1, because: reason) }
    }

    /// Compares while the shop runs: what the relays have published is noted before the topics are read, and
    /// what the outboxes have is read after, so neither side can be ahead of the other for a good reason.
    static func run(cluster: String, _ shop: Shop) async throws -> [Finding] {
        var snapshots: [String: String] = [:]
        for service in Shop.services {
            snapshots[service] = try await shop.withDatabase(schema: service) {
                try await OutboxRows.snapshot(cluster: cluster, $0)
            }
        }
        let scan = try await TopicScan.run(shop, without: try await letters(cluster, shop))
        var comparison = Comparison(scan)
        for service in Shop.services {
            let (before, snapshot) = (comparison, snapshots[service] ?? "1:1:")
            comparison = try await shop.withDatabase(schema: service, patience: AuditCommand.patience) {
                try await OutboxRows.compare(before, snapshot: snapshot, $0)
            }
        }
        // Again, for those that were set aside meanwhile.
        let letters = try await letters(cluster, shop)
        let kept = try await kept(shop)
        var phantoms = Violations()
        for (id, position) in comparison.unknown where !letters.contains(position) {
            // Kafka may keep longer what its outbox has dropped.
            if let since = kept[position.publisher], id.isMade(before: since) { continue }
            phantoms.add(TopicScan.describe(position))
        }
        for position in scan.strangers where !letters.contains(position) {
            phantoms.add(TopicScan.describe(position))
        }
        return [
            comparison.lost.finding("H1", lostSays), phantoms.finding("H2", phantomSays),
            scan.inversions.finding("H3", orderSays), scan.wanderers.finding("H4", homeSays),
        ]
    }
}

extension TopicChecks {
    /// By publisher, the moment after which its outbox has all events; none where nothing was ever dropped.
    ///
    /// Asked for last, since a service may drop some while we read.
    private static func kept(_ shop: Shop) async throws -> [String: Timestamp] {
        var kept: [String: Timestamp] = [:]
        for service in Shop.services {
            kept[service] = try await shop.withDatabase(schema: service) { try await Retained.since($0) }
        }
        return kept
    }

    private static func letters(_ cluster: String, _ shop: Shop) async throws -> Set<TopicScan.Position> {
        var letters: Set<TopicScan.Position> = []
        for service in Shop.services {
            letters.formUnion(
                try await shop.withDatabase(schema: service) {
                    try await OutboxRows.letters(cluster: cluster, $0)
                })
        }
        return letters
    }
}

/// What the rows of the outboxes leave of the events in the topics.
private struct Comparison: Sendable {
    let events: [Identifier: TopicScan.Position]
    let setAside: Set<Identifier>
    let trimmed: Set<String>
    /// Events that no outbox had so far.
    var unknown: [Identifier: TopicScan.Position]
    /// Rows that no topic has.
    var lost = Violations()

    init(_ scan: TopicScan) {
        events = scan.events
        setAside = scan.setAsideEvents
        trimmed = scan.trimmed
        unknown = scan.events
    }

    /// Takes a row; it is published if it was by the time the topics were read, and is still to be found
    /// there.
    mutating func take(_ id: Identifier, topic: String, isPublished: Bool) {
        unknown[id] = nil
        guard isPublished, events[id] == nil, !setAside.contains(id), !trimmed.contains(topic) else { return }
        lost.add("\(topic) \(id)")
    }
}

/// The rows of the outbox of the service whose schema the connection looks names up in.
private enum OutboxRows {
    private static let pageSize: Int64 = 20_000

    private static let snapshot = PostgresStatement.once(
        "SELECT snapshot::text FROM outbox_cursor WHERE cluster_id = $1")

    /// Of a compacted topic only the latest record of each key has to be there.
    private static let page = PostgresStatement(
        "outbox.page",
        """
        SELECT xid::text, seq, event_id, topic, pg_visible_in_snapshot(xid, $1::text::pg_snapshot)
            AND (topic <> ALL ($5::text[]) OR NOT EXISTS (
                SELECT FROM latest WHERE latest.key = outbox.key AND latest.version > outbox.version))
        FROM outbox WHERE (xid, seq) > ($2::text::xid8, $3) ORDER BY outbox.xid, seq LIMIT $4
        """)

    private static let letters = PostgresStatement.once(
        "SELECT topic, partition, \"offset\" FROM dead_letter WHERE cluster_id = $1")

    private static let compacted = Topic.all.filter { $0.retention == .compacted }.map(\.name)

    static func snapshot(cluster: String, _ connection: PostgresConnection) async throws -> String? {
        try await connection.query(snapshot(cluster)).first?.string(0)
    }

    static func compare(
        _ before: Comparison, snapshot: String, _ connection: PostgresConnection
    ) async throws -> Comparison {
        var comparison = before
        try await connection.simple(
            """
            CREATE TEMPORARY TABLE latest (key text PRIMARY KEY, version bigint NOT NULL);
            INSERT INTO latest SELECT key, max(version) FROM outbox
            WHERE topic = ANY (\(SQLText.literal("{\(compacted.joined(separator: ","))}"))::text[])
                AND pg_visible_in_snapshot(xid, \(SQLText.literal(snapshot))::pg_snapshot)
            GROUP BY key
            """, timeout: AuditCommand.patience)
        var position = (xid: "0", seq: Int64(0))
        while true {
            let result = try await connection.query(
                page(snapshot, position.xid, position.seq, pageSize, compacted))
            for row in result {
                position = (try row.string(0), try row.int64(1))
                comparison.take(
                    try row.identifier(2), topic: try row.string(3), isPublished: try row.bool(4))
            }
            if result.rowCount < pageSize { return comparison }
        }
    }

    static func letters(cluster: String, _ connection: PostgresConnection) async throws -> Set<
        TopicScan.Position
    > {
        var positions: Set<TopicScan.Position> = []
        for row in try await connection.query(letters(cluster)) {
            let position = TopicScan.position(
                topic: try row.string(0), partition: try row.int32(1), offset: try row.int64(2))
            if let position { positions.insert(position) }
        }
        return positions
    }
}
