import Foundation
import Kafka
import Testing

@Suite("Kafka admin")
struct KafkaAdminTests {
    @Test(
        arguments: [
            (committed: 0, beginning: 500, end: 500, records: 0), (499, 500, 502, 2), (501, 500, 502, 1),
            (3, -1, 5, 2),
            (9, 0, 5, 0),
        ] as [(committed: Int64, beginning: Int64, end: Int64, records: Int64)])
    func `what a partition no longer has is no lag, nor is what it doesn't have yet`(
        committed: Int64, beginning: Int64, end: Int64, records: Int64
    ) {
        let lag = PartitionLag(committed: committed, beginning: beginning, end: end)
        #expect(lag.records == records)
    }

    @Test func `a group's lag is what it has not committed`() async throws {
        try await MockTest.run(partitions: 2) { test in
            try await test.withProducer { producer in
                _ = try await producer.send((0..<10).map { test.record($0, partition: Int32($0 % 2)) })
            }
            let consumer = try await test.consumer()
            _ = try await consumer.collect { $0.count == 10 }
            let first = TopicPartition(topic: test.topic, partition: 0)
            let second = TopicPartition(topic: test.topic, partition: 1)
            await consumer.commit([first: 3])
            let admin = try KafkaAdmin(configuration: test.configuration, logger: test.logger)
            let deadline = ContinuousClock.now + .seconds(60)
            var lag: [TopicPartition: PartitionLag] = [:]
            while lag[first]?.committed == nil, ContinuousClock.now < deadline {
                lag = try await admin.groupLag(group: "group", topics: [test.topic], timeout: .seconds(10))
            }
            #expect(lag[first] == PartitionLag(committed: 3, beginning: 0, end: 5))
            #expect(lag[first]?.records == 2)
            #expect(lag[second] == PartitionLag(committed: nil, beginning: 0, end: 5))
            #expect(lag[second]?.records == 5)
            await consumer.close()
            await admin.close()
        }
    }

    @Test func `topics are listed with their partitions`() async throws {
        try await MockTest.run { test in
            try test.cluster.createTopic("inventory.stock", partitions: 3)
            let admin = try KafkaAdmin(configuration: test.configuration, logger: test.logger)
            #expect(
                try await admin.topics(timeout: .seconds(10)) == [
                    TopicMetadata(name: "inventory.stock", partitions: 3),
                    TopicMetadata(name: "orders.created", partitions: 12),
                ])
            #expect(try await admin.clusterID(timeout: .seconds(10)).hasPrefix("mockCluster"))
            await admin.close()
            await #expect(throws: KafkaError.closed) { try await admin.topics(timeout: .seconds(1)) }
        }
    }
}
