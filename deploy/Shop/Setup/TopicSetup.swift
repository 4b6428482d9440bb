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
    /// - Throws: `Failure` where a topic has another number of partitions, which would move every key; `KafkaError`;
    ///   `PostgresError`.
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
        let missing = try await missingTopics(admin)
        guard !missing.isEmpty else { return [] }
        do {
            _ = try await admin.createTopics(
                missing.map { specification(of: $0, replication: replication) }, timeout: creationTimeout)
        } catch {
            // The local broker knows no such request. It may have made the topics by itself; if not, we say
            // so below.
            guard error == .timedOut else { throw error }
        }
        try await waitUntilThere(admin)
        return missing.map(\.name)
    }

    static func specification(of topic: Topic, replication: Int32) -> TopicSpecification {
        var config: [String: String] =
            switch topic.retention {
            case .days(let days): ["cleanup.policy": "delete", "retention.ms": "\(days * 86_400_000)"]
            case .compacted: ["cleanup.policy": "compact"]
            }
        // Of three copies two must have a record before it counts: one broker may be lost without losing any.
        if replication >= 3 { config["min.insync.replicas"] = "2" }
        return TopicSpecification(
            name: topic.name, partitions: Topic.partitions, replication: replication, config: config)
    }

    private static func missingTopics(_ admin: KafkaAdmin) async throws -> [Topic] {
        let present = try await admin.topics(timeout: Shop.brokerTimeout)
        let partitions = Dictionary(
            present.map { ($0.name, $0.partitions) }, uniquingKeysWith: { first, _ in first })
        for topic in Topic.all {
            guard let found = partitions[topic.name], found != Topic.partitions else { continue }
            throw Failure(
                "the topic \(topic.name) has \(found) partitions and not \(Topic.partitions), so keys would change "
                    + "theirs: delete it, run this again, then `shop outbox rewind --all`")
        }
        return Topic.all.filter { partitions[$0.name] == nil }
    }

    /// A controller answers before all brokers know the topics.
    private static func waitUntilThere(_ admin: KafkaAdmin) async throws {
        let deadline = ContinuousClock.now + Shop.brokerTimeout
        while true {
            let missing = try await missingTopics(admin)
            guard let first = missing.first else { return }
            guard ContinuousClock.now < deadline else {
                throw Failure(
                    "this broker did not make the topic \(first.name): does it allow this client to?")
            }
            try await Task.sleep(for: .milliseconds(100))
        }
    }
}
