import Contracts
import Kafka
import Postgres

/// `shop topics` and `shop lag`: what stands in Kafka, and how far the services have read it.
enum TopicCommands {
    static let topics = Command(
        verb: nil, summary: "list the topics with who writes, who reads and how many records",
        options: [.json],
        details: "RECORDS counts what Kafka keeps now; a compacted topic may hold fewer than that.",
        run: { arguments, shop in
            let (found, ends) = try await shop.withKafka { admin in
                (try await admin.topics(timeout: Shop.brokerTimeout), try await offsets(of: nil, admin))
            }
            let partitions = Dictionary(
                found.map { ($0.name, $0.partitions) }, uniquingKeysWith: { first, _ in first })
            var table = Table("name", "partitions", "key", "retention", "publisher", "consumers", "records")
            for topic in Topic.all {
                let records = ends.filter { $0.key.topic == topic.name }.values
                    .reduce(Int64(0)) { $0 + $1.end - $1.beginning }
                table.add(
                    .text(topic.name), partitions[topic.name].map { .number(Int64($0)) } ?? .text("missing"),
                    .text(topic.key.words), .text(topic.retention.words),
                    .text(topic.publisher),
                    .text(topic.consumers.isEmpty ? "-" : topic.consumers.joined(separator: ", ")),
                    partitions[topic.name] == nil ? .none : .number(records))
            }
            shop.console.show(table, asJSON: arguments.has("--json"))
            return .success
        })

    static let lag = Command(
        verb: nil, summary: "show how far each service is behind in each topic it reads",
        options: [.service, .json],
        details: """
            NEXT is what counts: the offsets in the service's own schema, moved with the effects of the records.
            COMMITTED is the copy in Kafka, which other tools look at; it may be a little behind. Sums over partitions.
            """,
        run: { arguments, shop in
            var table = Table("service", "topic", "next", "committed", "end", "lag")
            for service in shop.services(arguments) {
                let (cluster, group) = try await shop.withKafka { admin in
                    (
                        try await admin.clusterID(timeout: Shop.brokerTimeout),
                        try await offsets(of: service, admin)
                    )
                }
                let stored = try await StoredOffsets.read(service, cluster: cluster, shop)
                for topic in Topic.consumed(by: service) {
                    let row = LagRow(group.filter { $0.key.topic == topic.name }, stored)
                    table.add(
                        .text(service), .text(topic.name), .number(row.next), .number(row.committed),
                        .number(row.end), .number(row.lag))
                }
            }
            shop.console.show(table, asJSON: arguments.has("--json"))
            return .success
        })

    static func offsets(of group: String?, _ admin: KafkaAdmin) async throws -> [TopicPartition: PartitionLag]
    {
        try await admin.groupLag(group: group, topics: Topic.all.map(\.name), timeout: Shop.brokerTimeout)
    }
}

/// One topic of one service, over all its partitions.
private struct LagRow {
    var next: Int64 = 0
    var committed: Int64 = 0
    var end: Int64 = 0
    var lag: Int64 = 0

    init(_ partitions: [TopicPartition: PartitionLag], _ stored: [TopicPartition: Int64]) {
        for (partition, group) in partitions {
            next += stored[partition] ?? 0
            committed += group.committed ?? 0
            end += group.end
            lag +=
                PartitionLag(
                    committed: stored[partition], beginning: group.beginning, end: group.end
                ).records
        }
    }
}

/// The offsets that a service keeps beside its effects.
enum StoredOffsets {
    private static let read = PostgresStatement.once(
        "SELECT topic, partition, next FROM consumer_offset WHERE cluster_id = $1")

    static func read(_ service: String, cluster: String, _ shop: Shop) async throws -> [TopicPartition: Int64]
    {
        try await shop.withDatabase(schema: service) { connection in
            var offsets: [TopicPartition: Int64] = [:]
            for row in try await connection.query(read(cluster)) {
                let partition = TopicPartition(topic: try row.string(0), partition: try row.int32(1))
                offsets[partition] = try row.int64(2)
            }
            return offsets
        }
    }
}

extension Topic.Key {
    fileprivate var words: String {
        switch self {
        case .orderID: "order id"
        case .sku: "SKU"
        case .window: "SKU and time"
        }
    }
}

extension Topic.Retention {
    fileprivate var words: String {
        switch self {
        case .days(let days): "\(days) days"
        case .compacted: "latest per key"
        }
    }
}
