import Contracts
package import Kafka
package import Kernel
import Postgres
import TestSupport

/// The shop's topics, read and written as somebody outside of it does.
package struct Topics: Sendable {
    package let configuration: KafkaConfiguration

    package init(configuration: KafkaConfiguration) { self.configuration = configuration }

    package struct NotEmpty: Error, CustomStringConvertible {
        let topic: String
        package var description: String {
            "\(topic) has records of another shop: these tests need a new local broker"
        }
    }

    package struct NotRead: Error {
        let rest: [TopicPartition]
    }

    /// Forgets what an earlier shop has left on the broker.
    ///
    /// - Throws: `NotEmpty` where topics can't be deleted.
    package func clear(_ kind: Settings.BrokerKind) async throws {
        try await withAdmin { admin in
            let present = Set(try await admin.topics(timeout: .seconds(20)).map(\.name))
            let ours = Topic.all.map(\.name).filter { present.contains($0) }
            guard !ours.isEmpty else { return }
            guard kind == .local else {
                for topic in ours { try await admin.deleteTopic(topic) }
                try await eventually("the old topics are gone", within: .seconds(30)) {
                    Set(try await admin.topics(timeout: .seconds(20)).map(\.name)).isDisjoint(with: ours)
                }
                return
            }
            let ends = try await admin.groupLag(group: "system-tests", topics: ours, timeout: .seconds(20))
            for (partition, limits) in ends where limits.end > 0 { throw NotEmpty(topic: partition.topic) }
        }
    }

    /// Every record about an order, in no order between topics.
    package func records(of order: Identifier) async throws -> [KafkaRecord] {
        let key = Array(order.description.utf8)
        return try await records().filter { $0.key == key }
    }

    /// Every record there is now, topic for topic.
    package func records() async throws -> [KafkaRecord] {
        let reader = try TopicReader(configuration: configuration, logger: RecordedLog().logger)
        do {
            let all = Topic.all.flatMap { topic in
                (0..<Topic.partitions).map { TopicPartition(topic: topic.name, partition: $0) }
            }
            try await reader.read(Dictionary(uniqueKeysWithValues: all.map { ($0, 0) }))
            var open = Set(all)
            var records: [KafkaRecord] = []
            let deadline = ContinuousClock.now + .seconds(60)
            while !open.isEmpty {
                let batch = try await reader.poll(max: 10_000, timeout: .seconds(1))
                records += batch.records
                open.subtract(batch.ended)
                guard ContinuousClock.now < deadline else { throw NotRead(rest: open.sorted()) }
            }
            await reader.close()
            return records
        } catch {
            await reader.close()
            throw error
        }
    }

    /// How many records each service has written, and what it has not read yet.
    package func ends() async throws -> [TopicPartition: Int64] {
        try await withAdmin { admin in
            try await admin.groupLag(
                group: "system-tests", topics: Topic.all.map(\.name), timeout: .seconds(20)
            ).mapValues(\.end)
        }
    }

    /// How far Kafka believes a service to be.
    package func committed(by group: String) async throws -> [TopicPartition: Int64] {
        try await withAdmin { admin in
            try await admin.groupLag(
                group: group, topics: Topic.consumed(by: group).map(\.name), timeout: .seconds(20)
            ).compactMapValues(\.committed)
        }
    }

    /// Writes records as they are, good or bad.
    package func write(_ records: [ProducerRecord]) async throws -> [Delivery] {
        let producer = try KafkaProducer(configuration: configuration, logger: RecordedLog().logger)
        do {
            let deliveries = try await producer.send(records)
            await producer.close(timeout: .seconds(5))
            return deliveries
        } catch {
            await producer.close(timeout: .zero)
            throw error
        }
    }

    private func withAdmin<Value: Sendable>(
        _ body: (KafkaAdmin) async throws -> Value
    ) async throws -> Value {
        try await KafkaAdmin.with(configuration, logger: RecordedLog().logger, body)
    }
}
