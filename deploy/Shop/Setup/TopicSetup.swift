import Contracts
import Kafka
import Messaging

/// Makes the topics of the table in `Contracts`, and checks those that are there.
enum TopicSetup {
    private static let creationTimeout = Duration.seconds(30)

    /// Makes the topics that are missing, and has the services forget how far they had read others of these names.
    ///
    /// - Returns: the cluster, and the names of the topics that were not there before.
    /// - Throws: `Failure` where topics differ in their number of partitions; `KafkaError`; `PostgresError`.
    static func establish(_ plan: TopicPlan, _ shop: Shop) async throws -> (cluster: String, made: [String]) {
        let (cluster, made) = try await shop.withKafka { admin in
            (
                try await admin.clusterID(timeout: Shop.brokerTimeout),
                try await makeMissing(plan, with: admin)
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
    static func makeMissing(_ plan: TopicPlan, with admin: KafkaAdmin) async throws -> [String] {
        let widths = try await widths(admin)
        let missing = widths.missing
        guard !missing.isEmpty else { return [] }
        var plan = plan
        plan.partitions = widths.usual ?? plan.partitions
        do {
            _ = try await admin.createTopics(
                missing.map { specification(of: $0, plan) }, timeout: creationTimeout)
        } catch {
            // The local broker knows no such request. It may have made the topics by itself; if not, we say
            // so below.
            guard error == .timedOut else { throw error }
        }
        try await waitUntilThere(admin)
        return missing.map(\.name)
    }

    static func specification(of topic: Topic, _ plan: TopicPlan) -> TopicSpecification {
        var config: [String: String] =
            switch topic.retention {
            case .days(let days): ["cleanup.policy": "delete", "retention.ms": "\(days * 86_400_000)"]
            case .compacted: ["cleanup.policy": "compact"]
            }
        // Of three copies two must have a record before it counts: one broker may be lost without losing any.
        if plan.replication >= 3 { config["min.insync.replicas"] = "2" }
        return TopicSpecification(
            name: topic.name, partitions: plan.partitions, replication: plan.replication, config: config)
    }

    private static func widths(_ admin: KafkaAdmin) async throws -> TopicWidths {
        let widths = TopicWidths(of: try await admin.topics(timeout: Shop.brokerTimeout))
        if let advice = widths.advice { throw Failure(advice) }
        return widths
    }

    /// A controller answers before all brokers know the topics.
    private static func waitUntilThere(_ admin: KafkaAdmin) async throws {
        let deadline = ContinuousClock.now + Shop.brokerTimeout
        while true {
            guard let first = try await widths(admin).missing.first else { return }
            guard ContinuousClock.now < deadline else {
                throw Failure(
                    "this broker did not make the topic \(first.name): does it allow this client to?")
            }
            try await Task.sleep(for: .milliseconds(100))
        }
    }
}

/// How topics are made where the shop has none.
struct TopicPlan: Sendable {
    var partitions = Topic.partitions
    var replication: Int32 = 1
}

extension TopicPlan {
    /// - Throws: `Failure` for a setting that is no number above 0.
    init(_ settings: Settings) throws(Failure) {
        self.init(
            partitions: try Self.number(.partitions, settings),
            replication: try Self.number(.replicationFactor, settings))
    }

    private static func number(_ setting: Setting, _ settings: Settings) throws(Failure) -> Int32 {
        let text = try settings[setting]
        guard let number = Int32(text), number > 0 else {
            throw Failure("\(setting.rawValue) is a number above 0, not `\(text.oneLine)`")
        }
        return number
    }
}

/// How many partitions the shop's topics have.
struct TopicWidths {
    /// What most of those that are there have; nil in a new shop.
    let usual: Int32?
    let missing: [Topic]
    /// Those in which an order would be elsewhere than in the others.
    let odd: [Topic]

    init(of found: [TopicMetadata]) {
        let widths = Dictionary(
            found.map { ($0.name, $0.partitions) }, uniquingKeysWith: { first, _ in first })
        let counts = Dictionary(Topic.all.compactMap { widths[$0.name] }.map { ($0, 1) }, uniquingKeysWith: +)
        let usual = counts.max { ($0.value, $0.key) < ($1.value, $1.key) }?.key
        self.usual = usual
        missing = Topic.all.filter { widths[$0.name] == nil }
        odd = Topic.all.filter { topic in widths[topic.name].map { $0 != usual } ?? false }
    }

    /// What to do about those that differ; nil where none does.
    var advice: String? {
        guard let usual, !odd.isEmpty else { return nil }
        return "\(odd.map(\.name).joined(separator: ", ")) not of \(usual) partitions, as the others: "
            + "delete, then `shop setup` and `shop outbox rewind --all`"
    }
}
