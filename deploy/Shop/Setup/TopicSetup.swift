import Contracts
import Kafka
import Messaging

/// Makes the topics of the table in `Contracts`, and checks those that are there.
enum TopicSetup {
    private static let creationTimeout = Duration.seconds(30)

    /// How many copies of each topic the environment wants.
    static func replication(_ settings: Settings) throws -> Int32 {
        let text = try settings[.replicationFactor]
        guard let replication = Int32(text), replication > 0 else {
            throw Failure("KAFKA_REPLICATION_FACTOR is a number above 0, not `\(text)`")
        }
        return replication
    }

    /// Makes the topics that are missing, and has the services forget how far they had read others of these names.
    ///
    /// - Returns: the cluster, and the names of the topics that were not there before.
    /// - Throws: `Failure` where topics differ in their number of partitions; `KafkaError`; `PostgresError`.
    static func establish(replication: Int32, _ shop: Shop) async throws -> (cluster: String, made: [String])
    {
        let (cluster, made) = try await shop.withKafka { admin in
            (
                try await admin.clusterID(timeout: Shop.brokerTimeout),
                try await makeMissing(replication: replication, with: admin)
            )
        }
        if !made.isEmpty { try await forget(made, cluster: cluster, shop) }
        return (cluster, made)
    }

    /// Has the services forget what they knew by its place in other topics of these names.
    static func forget(_ topics: [String], cluster: String, _ shop: Shop) async throws {
        for service in Shop.services {
            try await shop.withDatabase(schema: service) {
                _ = try await Rewind.rewindOffsets(cluster: cluster, topics: topics, on: $0)
                try await Rewind.forgetRecords(of: topics, cluster: cluster, on: $0)
            }
        }
    }

    /// - Returns: the names of the topics that were not there before.
    static func makeMissing(replication: Int32, with admin: KafkaAdmin) async throws -> [String] {
        let (missing, partitions) = try await missingTopics(admin)
        guard !missing.isEmpty else { return [] }
        do {
            _ = try await admin.createTopics(
                missing.map { specification(of: $0, partitions: partitions, replication: replication) },
                timeout: creationTimeout)
        } catch {
            // The local broker knows no such request. It may have made the topics by itself; if not, we say
            // so below.
            guard error == .timedOut else { throw error }
        }
        try await waitUntilThere(admin)
        return missing.map(\.name)
    }

    static func specification(
        of topic: Topic, partitions: Int32 = Topic.partitions, replication: Int32
    ) -> TopicSpecification {
        var config: [String: String] =
            switch topic.retention {
            case .days(let days): ["cleanup.policy": "delete", "retention.ms": "\(days * 86_400_000)"]
            case .compacted: ["cleanup.policy": "compact"]
            }
        // Of three copies two must have a record before it counts: one broker may be lost without losing any.
        if replication >= 3 { config["min.insync.replicas"] = "2" }
        return TopicSpecification(
            name: topic.name, partitions: partitions, replication: replication, config: config)
    }

    private static func missingTopics(
        _ admin: KafkaAdmin
    ) async throws -> (topics: [Topic], partitions: Int32) {
        let widths = TopicWidths(of: try await admin.topics(timeout: Shop.brokerTimeout))
        if let advice = widths.advice { throw Failure(advice) }
        return (widths.missing, widths.usual)
    }

    /// A controller answers before all brokers know the topics.
    private static func waitUntilThere(_ admin: KafkaAdmin) async throws {
        let deadline = ContinuousClock.now + Shop.brokerTimeout
        while true {
            guard let first = try await missingTopics(admin).topics.first else { return }
            guard ContinuousClock.now < deadline else {
                throw Failure(
                    "this broker did not make the topic \(first.name): does it allow this client to?")
            }
            try await Task.sleep(for: .milliseconds(100))
        }
    }
}

/// How many partitions the shop's topics have.
struct TopicWidths {
    /// What most of those that are there have; in a new shop `Topic.partitions`.
    let usual: Int32
    let missing: [Topic]
    /// Those in which an order would be elsewhere than in the others.
    let odd: [Topic]

    init(of found: [TopicMetadata]) {
        let widths = Dictionary(
            found.map { ($0.name, $0.partitions) }, uniquingKeysWith: { first, _ in first })
        let counts = Dictionary(Topic.all.compactMap { widths[$0.name] }.map { ($0, 1) }, uniquingKeysWith: +)
        let usual = counts.max { ($0.value, $0.key) < ($1.value, $1.key) }?.key ?? Topic.partitions
        self.usual = usual
        missing = Topic.all.filter { widths[$0.name] == nil }
        odd = Topic.all.filter { widths[$0.name, default: usual] != usual }
    }

    /// What to do about those that differ; nil where none does.
    var advice: String? {
        guard !odd.isEmpty else { return nil }
        return "\(odd.map(\.name).joined(separator: ", ")) not of \(usual) partitions, as the others: "
            + "delete, then `shop setup` and `shop outbox rewind --all`"
    }
}
