import Contracts
import Kafka
import Kernel
import PaymentsDomain
import Postgres

/// What comes of holding a replay against the tables.
enum ReplayVerdict: Equatable, Sendable {
    case agrees
    /// A service is on its way: between the events that were read and the tables is more than there is to compare.
    case underWay(String)
    /// It was placed before the last events that are gone, so some of its own may be, as the retention wants it.
    case leftOut
    case differs([String])
}

/// What else is to be known of an order before a difference is one.
struct ReplayCircumstances: Equatable, Sendable {
    /// Who has still to read an event of it, and which.
    var unread: String?
    /// An event that was not in Kafka yet when its topic was read.
    var unpublished: String?
    /// Events that were published and are not there.
    var lost: [String] = []
}

extension OrderReplay {
    /// - Returns: all that does not fit together, if nothing were under way.
    func disagreements(with table: StoredOrder) -> [String] {
        faults + table.differences(from: stored).map(\.description)
    }

    func verdict(_ table: StoredOrder, _ circumstances: ReplayCircumstances) -> ReplayVerdict {
        let found = disagreements(with: table)
        guard !found.isEmpty else { return .agrees }
        if let unread = circumstances.unread { return .underWay(unread) }
        if let unpublished = circumstances.unpublished {
            return .underWay("\(unpublished) was not published when its topic was read")
        }
        // A capture that comes too late is told by its refund alone.
        if last.money.status == .voiding, table.values["payments.payment.status"] == "refunding" {
            return .underWay("the gateway has still to refund")
        }
        return .differs(circumstances.lost.map { "\($0) was published and is not in its topic" } + found)
    }
}

/// Everything that Postgres knows at one moment, after the topics were read.
struct ReplayMoment: Sendable {
    /// By service, the offset of the record that it reads next.
    private var next: [Service: [TopicPartition: Int64]] = [:]
    private var setAside: [Service: Set<TopicScan.Position>] = [:]
    /// Of orders placed before it the outboxes may have dropped events; nil where they have dropped none.
    private(set) var kept: Timestamp?

    /// Begins the transaction on whose snapshot all else is read.
    static func begin(cluster: String, _ connection: PostgresConnection) async throws -> ReplayMoment {
        try await connection.simple("BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY", timeout: .seconds(10))
        var moment = ReplayMoment()
        for service in Service.allCases {
            let offsets = PostgresStatement.once(
                "SELECT topic, partition, next FROM \(service).consumer_offset WHERE cluster_id = $1")
            for row in try await connection.query(offsets(cluster)) {
                let partition = TopicPartition(topic: try row.string(0), partition: try row.int32(1))
                moment.next[service, default: [:]][partition] = try row.int64(2)
            }
            let letters = PostgresStatement.once(
                """
                SELECT topic, partition, "offset" FROM \(service).dead_letter
                WHERE cluster_id = $1 AND state <> 'redriven'
                """)
            for row in try await connection.query(letters(cluster)) {
                let position = TopicScan.position(
                    topic: try row.string(0), partition: try row.int32(1), offset: try row.int64(2))
                if let position { moment.setAside[service, default: []].insert(position) }
            }
        }
        let since = PostgresStatement.once("SELECT nullif(\(Retained.since(Shop.services)), '-infinity')")
        moment.kept = try await connection.query(since()).first?.optionalTimestamp(0)
        return moment
    }

    /// Whether a service has handled one of the event's records.
    func hasHeard(_ service: Service, _ event: LoggedEvent) -> Bool {
        let partition = TopicPartition(topic: event.topic.name, partition: event.partition)
        let end = next[service]?[partition] ?? 0
        return event.offsets.contains { offset in
            guard offset < end else { return false }
            let position = TopicScan.position(
                topic: event.topic.name, partition: event.partition, offset: offset)
            return !(position.map { setAside[service]?.contains($0) ?? false } ?? false)
        }
    }

    /// Who has still to read an event of the order; nil where all have read all there was.
    func unread(of log: OrderLog) -> String? {
        for event in log.events {
            for service in Service.allCases where event.topic.consumers.contains(service.rawValue) {
                let partition = TopicPartition(topic: event.topic.name, partition: event.partition)
                if (event.offsets.last ?? 0) >= next[service]?[partition] ?? 0 {
                    return
                        "\(service) has still to read \(event.topic.name) p\(event.partition)@\(event.offsets.last ?? 0)"
                }
            }
        }
        return nil
    }
}
