import Contracts
import Kafka
import Kernel
import Messaging
import Postgres

/// Reads, rebuilds and compares, while the shop runs: what the relays have published is noted first, then the topics
/// are read, and the tables last, at one moment, so that whatever is newer than the events can be told.
struct ReplayRun: Sendable {
    /// How long one look at everything may take.
    static let patience = Duration.seconds(600)

    private let shop: Shop
    private let cluster: String

    init(_ shop: Shop) async throws {
        self.shop = shop
        cluster = try await shop.withKafka { try await $0.clusterID(timeout: Shop.brokerTimeout) }
    }

    /// What became of an order.
    typealias Judged = (order: Identifier, verdict: ReplayVerdict)

    /// An order's replay, and the scan that it came from.
    ///
    /// - Throws: `Failure` for an order of which neither Kafka nor the tables know.
    func one(
        _ order: Identifier
    ) async throws -> (replay: OrderReplay, verdict: ReplayVerdict, scan: ReplayScan) {
        let published = try await published()
        let scan = try await ReplayScan.one(order, shop)
        let log = scan.orders[order] ?? OrderLog(order: order)
        let judged = try await judge([log], scan.horizon, published) { ($0, $1) }
        guard let (replay, verdict) = judged.first, !log.events.isEmpty || verdict != .agrees else {
            throw Failure("nothing is known of an order \(order): `shop order list` shows their ids")
        }
        return (replay, verdict, scan)
    }

    /// All orders on the partitions of one number.
    func all(on number: Int32) async throws -> (judged: [Judged], scan: ReplayScan) {
        let published = try await published()
        let scan = try await ReplayScan.all(on: number, shop)
        let logs = scan.orders.values.sorted { $0.order < $1.order }
        return (try await judge(logs, scan.horizon, published) { ($0.order, $1) }, scan)
    }

    /// Orders in the table of which there is no event at all.
    ///
    /// - Parameters:
    ///   - seen: those of which there are some.
    ///   - horizon: what was placed before it may have lost its events.
    ///   - published: from before any topic was read.
    func unseen(
        besides seen: Set<Identifier>, since horizon: Timestamp?, _ published: [Service: String]
    ) async throws -> [Judged] {
        let page = PostgresStatement(
            "replay.page", "SELECT id FROM orders.orders WHERE id > $1 ORDER BY id LIMIT 20000")
        let logs = try await shop.withDatabase(patience: Self.patience) { connection in
            var logs: [OrderLog] = []
            var last = Identifier(high: 0, low: 0)
            while true {
                let ids = try await connection.query(page(last)).map { try $0.identifier(0) }
                logs += ids.filter { !seen.contains($0) }.map { OrderLog(order: $0) }
                guard let end = ids.last else { return logs }
                last = end
            }
        }
        return try await judge(logs, horizon, published) { ($0.order, $1) }
    }

    /// By service, what its relay has published: a snapshot of Postgres, which tells what is visible in it.
    func published() async throws -> [Service: String] {
        let statement = PostgresStatement.once(
            "SELECT snapshot::text FROM outbox_cursor WHERE cluster_id = $1")
        let cluster = cluster
        var snapshots: [Service: String] = [:]
        for service in Service.allCases {
            snapshots[service] = try await shop.withDatabase(schema: service.rawValue) { connection in
                try await connection.query(statement(cluster)).first?.string(0)
            }
        }
        return snapshots
    }

    /// - Parameter value: what is kept of each order.
    private func judge<Value: Sendable>(
        _ logs: [OrderLog], _ horizon: Timestamp?, _ published: [Service: String],
        as value: (OrderReplay, ReplayVerdict) -> Value
    ) async throws -> [Value] {
        let cluster = cluster
        return try await shop.withDatabase(patience: Self.patience) { connection in
            let moment = try await ReplayMoment.begin(cluster: cluster, connection)
            let gone = [horizon, moment.kept].compactMap { $0 }.max()
            var values: [Value] = []
            var rest: [OrderLog] = []
            for log in logs {
                if let gone, log.order.isMade(before: gone) {
                    values.append(value(OrderReplay(log, hasHeard: moment.hasHeard), .leftOut))
                } else {
                    rest.append(log)
                }
            }
            for start in stride(from: 0, to: rest.count, by: StoredOrders.pageSize) {
                let page = rest[start...].prefix(StoredOrders.pageSize)
                let judged = try await Self.judge(page, moment, published, connection)
                values += judged.map { value($0, $1) }
            }
            return values
        }
    }

    private static func judge(
        _ logs: ArraySlice<OrderLog>, _ moment: ReplayMoment, _ published: [Service: String],
        _ connection: PostgresConnection
    ) async throws -> [(OrderReplay, ReplayVerdict)] {
        let tables = try await StoredOrders.read(logs.map(\.order), connection)
        let replays = logs.map { log in
            (log, OrderReplay(log, hasHeard: moment.hasHeard), tables[log.order] ?? StoredOrder())
        }
        let doubtful = replays.filter { _, replay, table in !replay.disagreements(with: table).isEmpty }
        let gaps = try await OutboxGaps.find(doubtful.map(\.0), published, connection)
        return replays.map { log, replay, table in
            let gap = gaps[log.order]
            let circumstances = ReplayCircumstances(
                unread: moment.unread(of: log), unpublished: gap?.unpublished, lost: gap?.lost ?? [])
            return (replay, replay.verdict(table, circumstances))
        }
    }
}

/// Events that stand in an outbox and not in Kafka.
private struct OutboxGaps {
    var unpublished: String?
    var lost: [String] = []

    /// - Parameter published: by service, what its relay had published before the topics were read.
    static func find(
        _ logs: [OrderLog], _ published: [Service: String], _ connection: PostgresConnection
    ) async throws -> [Identifier: OutboxGaps] {
        guard !logs.isEmpty else { return [:] }
        let known = Dictionary(
            uniqueKeysWithValues: logs.map { ($0.order, Set($0.events.map(\.envelope.id))) })
        var gaps: [Identifier: OutboxGaps] = [:]
        for service in Service.allCases {
            let statement = PostgresStatement.once(
                """
                SELECT key, event_id, topic, pg_visible_in_snapshot(xid, $2::text::pg_snapshot)
                FROM \(service).outbox WHERE key = ANY ($1) AND topic <> '\(service).deadLetters' ORDER BY seq
                """)
            let rows = try await connection.query(
                statement(logs.map(\.order.description), published[service] ?? "1:1:"))
            for row in rows {
                let id = try row.identifier(1)
                guard let order = Identifier(try row.string(0)), known[order]?.contains(id) == false else {
                    continue
                }
                let name = try row.string(2)
                if try row.bool(3) {
                    gaps[order, default: OutboxGaps()].lost.append("\(name) \(id)")
                } else {
                    gaps[order, default: OutboxGaps()].unpublished = name
                }
            }
        }
        return gaps
    }
}
