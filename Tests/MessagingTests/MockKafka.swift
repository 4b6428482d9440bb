import Contracts
import Foundation
import Kafka
import Kernel
import Messaging
import Observability
import Postgres
import TestSupport

/// A mock cluster for a relay or a consumer, and what a test sends to it or reads from it.
struct MockKafka: Sendable {
    static let partitions: Int32 = 2

    let cluster: MockCluster
    let logger: Logger

    static func with(_ house: MessagingHouse, _ body: (MockKafka) async throws -> Void) async throws {
        let kafka = MockKafka(
            cluster: try MockCluster(brokers: 1, logger: house.log.logger), logger: house.log.logger)
        defer { kafka.cluster.close() }
        for topic in Topic.all { try kafka.cluster.createTopic(topic.name, partitions: partitions) }
        try await body(kafka)
    }

    /// Of its one broker.
    var port: UInt16 { UInt16(cluster.bootstrapServers.split(separator: ":").last ?? "") ?? 0 }

    var configuration: KafkaConfiguration {
        // The mock cluster takes 3 s for a first member, and nearly a session for each rebalance.
        KafkaConfiguration(
            bootstrapServers: cluster.bootstrapServers, clientID: "test",
            securitySettings: ["session.timeout.ms": "4500", "heartbeat.interval.ms": "200"],
            fetchWaitMilliseconds: 5)
    }

    /// Puts records on the cluster, all on partition 0 of their topic.
    func send(_ records: [ProducerRecord]) async throws {
        let producer = try KafkaProducer(configuration: configuration, logger: logger)
        do { _ = try await producer.send(records) } catch {
            await producer.close(timeout: .zero)
            throw error
        }
        await producer.close(timeout: .seconds(5))
    }

    /// Reads a topic from its beginning until the condition holds of what has come.
    ///
    /// - Returns: the records, those of each partition in their order.
    func read(
        _ topic: Topic, within limit: Duration = .seconds(60), until isComplete: ([KafkaRecord]) -> Bool
    ) async throws -> [KafkaRecord] {
        let reader = try TopicReader(configuration: configuration, logger: logger)
        let positions = (0..<Self.partitions).map {
            (TopicPartition(topic: topic.name, partition: $0), KafkaConsumer.beginning)
        }
        do {
            try await reader.read(Dictionary(uniqueKeysWithValues: positions))
            let deadline = ContinuousClock.now + limit
            var records: [KafkaRecord] = []
            while !isComplete(records) {
                guard ContinuousClock.now < deadline else {
                    throw TooFew(records: records.count, topic: topic.name)
                }
                records += try await reader.poll(max: 1000, timeout: .milliseconds(20)).records
            }
            await reader.close()
            return records
        } catch {
            await reader.close()
            throw error
        }
    }
}

/// What a test waited for did not arrive in time.
struct TooFew: Error {
    let records: Int
    let topic: String
}

extension KafkaRecord {
    var seen: SeenEvent {
        let version = headers.first { $0.name == "ce_version" }.map {
            String(decoding: $0.value, as: UTF8.self)
        }
        return SeenEvent(
            key: String(decoding: key ?? [], as: UTF8.self), version: Int64(version ?? "") ?? -1)
    }
}

extension [SeenEvent] {
    /// The versions of a key in the order in which each came for the first time.
    func firstVersions(of key: String) -> [Int64] {
        var known: Set<Int64> = []
        return filter { $0.key == key && known.insert($0.version).inserted }.map(\.version)
    }
}
