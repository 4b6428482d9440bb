import BlockingIO
import CRDKafka
package import Observability

/// A topic to be made.
package struct TopicSpecification: Sendable {
    package var name: String
    package var partitions: Int32
    /// -1: the cluster's default.
    package var replication: Int32
    /// Settings of the topic, such as `retention.ms`.
    package var config: [String: String]

    package init(name: String, partitions: Int32, replication: Int32 = -1, config: [String: String] = [:]) {
        self.name = name
        self.partitions = partitions
        self.replication = replication
        self.config = config
    }
}

/// How far a group is behind in a partition.
package struct PartitionLag: Hashable, Sendable {
    /// The offset that the group committed; nil if it never did.
    package let committed: Int64?
    /// The oldest offset that the partition still has; negative where it isn't known.
    package let beginning: Int64
    /// The offset of the record that will come next.
    package let end: Int64

    package init(committed: Int64?, beginning: Int64, end: Int64) {
        self.committed = committed
        self.beginning = beginning
        self.end = end
    }

    /// The records that the group hasn't reached yet; those that are gone are nothing to wait for.
    package var records: Int64 { max(0, end - max(committed ?? beginning, beginning)) }
}

/// What the operator's tool asks of a cluster. The mock cluster can do `topics`, `clusterID` and `groupLag`
/// only.
///
/// On a thread of its own, since every call blocks until a broker answers. Close it explicitly.
package actor KafkaAdmin {
    private let executor: ThreadExecutor
    private let client: ClientHandle
    private var isClosed = false

    package nonisolated var unownedExecutor: UnownedSerialExecutor { executor.asUnownedSerialExecutor() }

    package init(configuration: KafkaConfiguration, logger: Logger) throws(KafkaError) {
        executor = try .start("kafka-admin")
        client = try ClientHandle(
            type: RD_KAFKA_PRODUCER, settings: ClientSettings.common(configuration),
            context: ClientContext(logger: logger, clientID: configuration.clientID), prepare: noteErrors)
    }

    /// Runs the closure with a client of its own, and closes that on either way out.
    ///
    /// - Throws: `.configuration`, or what the closure throws.
    nonisolated(nonsending) package static func with<R>(
        _ configuration: KafkaConfiguration, logger: Logger,
        _ body: nonisolated(nonsending) (KafkaAdmin) async throws -> R
    ) async throws -> R {
        let admin = try KafkaAdmin(configuration: configuration, logger: logger)
        do {
            let value = try await body(admin)
            await admin.close()
            return value
        } catch {
            await admin.close()
            throw error
        }
    }

    /// - Throws: `.timedOut` when no broker answers; try again.
    package func clusterID(timeout: Duration) throws(KafkaError) -> String {
        guard !isClosed else { throw .closed }
        return try client.clusterID(timeout: timeout)
    }

    /// The topics of the cluster that this client may see, sorted by name.
    package func topics(timeout: Duration) throws(KafkaError) -> [TopicMetadata] {
        guard !isClosed else { throw .closed }
        return try Metadata.read(client, topics: .all, timeout: timeout).sorted { $0.name < $1.name }
    }

    /// Makes topics; one that exists is left as it is, whatever its partitions and settings.
    ///
    /// - Returns: the names of the topics that were made, and of those that were there.
    /// - Throws: the first refusal, after all were tried. It is safe to repeat.
    package func createTopics(
        _ topics: [TopicSpecification], timeout: Duration = .seconds(30)
    ) throws(KafkaError) -> (created: [String], existing: [String]) {
        guard !isClosed else { throw .closed }
        guard !topics.isEmpty else { return ([], []) }
        let results = try AdminTopics.create(topics, client, timeout)
        var created: [String] = []
        var existing: [String] = []
        for result in results {
            switch result.code {
            case RD_KAFKA_RESP_ERR_NO_ERROR: created.append(result.topic)
            case RD_KAFKA_RESP_ERR_TOPIC_ALREADY_EXISTS: existing.append(result.topic)
            default: throw KafkaError(code: result.code, topic: result.topic, detail: result.reason)
            }
        }
        return (created, existing)
    }

    /// Deletes a topic with all its records; no error if there is none.
    package func deleteTopic(_ name: String, timeout: Duration = .seconds(30)) throws(KafkaError) {
        guard !isClosed else { throw .closed }
        for result in try AdminTopics.delete(name, client, timeout) {
            switch result.code {
            case RD_KAFKA_RESP_ERR_NO_ERROR, RD_KAFKA_RESP_ERR_UNKNOWN_TOPIC_OR_PART: break
            default: throw KafkaError(code: result.code, topic: result.topic, detail: result.reason)
            }
        }
    }

    /// The rights that the cluster knows, of those that an `ACLBinding` can say.
    ///
    /// None also where it has no authorizer, so that everybody may do everything, and where it does not let this client
    /// ask: librdkafka (2.0.2 to 2.15) drops those errors.
    ///
    /// - Throws: `.timedOut` of the mock cluster, too, which knows no such request.
    package func acls(timeout: Duration) throws(KafkaError) -> Set<ACLBinding> {
        guard !isClosed else { throw .closed }
        return try AdminACLs.describe(client, timeout)
    }

    /// Grants rights; one that is there already is left as it is.
    ///
    /// - Returns: false where the cluster has no authorizer, and so no rights to grant.
    /// - Throws: the first refusal, after all were tried. It is safe to repeat.
    package func createACLs(
        _ bindings: [ACLBinding], timeout: Duration = .seconds(30)
    ) throws(KafkaError) -> Bool {
        guard !isClosed else { throw .closed }
        guard !bindings.isEmpty else { return true }
        do {
            try AdminACLs.create(bindings, client, timeout)
        } catch .other(code: RD_KAFKA_RESP_ERR_SECURITY_DISABLED.rawValue, _) {
            return false
        }
        return true
    }

    /// How far a group is behind in every partition of the topics; nil stands for no group, which has committed nothing.
    package func groupLag(
        group: String?, topics: [String], timeout: Duration
    ) throws(KafkaError) -> [TopicPartition: PartitionLag] {
        guard !isClosed else { throw .closed }
        let deadline = ContinuousClock.now + timeout
        let partitions = try Metadata.read(client, topics: .all, timeout: timeout)
            .filter { topics.contains($0.name) }
            .flatMap { topic in
                (0..<topic.partitions).map { TopicPartition(topic: topic.name, partition: $0) }
            }
        guard !partitions.isEmpty else { return [:] }
        let committed =
            if let group {
                try AdminOffsets.committed(group, partitions, client, deadline - .now)
            } else {
                [TopicPartition: Int64]()
            }
        let beginnings = try AdminOffsets.limits(.beginning, partitions, client, deadline - .now)
        let ends = try AdminOffsets.limits(.end, partitions, client, deadline - .now)
        var lag: [TopicPartition: PartitionLag] = [:]
        for partition in partitions {
            lag[partition] = PartitionLag(
                committed: committed[partition], beginning: beginnings[partition] ?? 0,
                end: ends[partition] ?? 0)
        }
        return lag
    }

    package func close() {
        guard !isClosed else { return }
        isClosed = true
        client.destroy()
    }
}
