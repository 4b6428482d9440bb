import Foundation
import Kafka
import Observability
import Synchronization
import Testing

@Suite("Kafka consumer")
struct KafkaConsumerTests {
    @Test func `records come in the order of their key`() async throws {
        try await MockTest.run { test in
            try await test.withProducer { producer in
                for batch in 0..<10 {
                    _ = try await producer.send(
                        (0..<100).map { test.record(batch * 100 + $0, key: "key-\($0 % 7)") })
                }
            }
            let consumer = try await test.consumer()
            let records = try await consumer.collect { $0.count >= 1000 }
            #expect(records.count == 1000)
            for (_, group) in Dictionary(grouping: records, by: \.key) {
                let numbers = group.compactMap { Int($0.text) }
                #expect(numbers == numbers.sorted())
            }
            await consumer.close()
        }
    }

    @Test func `headers, missing and empty values come as they were sent`() async throws {
        try await MockTest.run(partitions: 1) { test in
            let headers = [
                (name: "ce_type", value: "orders.created"), (name: "empty", value: ""),
                (name: "ce_type", value: "größer als fünfzehn Bytes"),
            ]
            try await test.withProducer { producer in
                _ = try await producer.send([
                    ProducerRecord(topic: test.topic, key: "a", value: [0, 255], headers: headers),
                    ProducerRecord(topic: test.topic, key: "b", value: nil),
                    ProducerRecord(topic: test.topic, key: nil as [UInt8]?, value: []),
                ])
            }
            let consumer = try await test.consumer()
            let records = try await consumer.collect { $0.count >= 3 }
            #expect(records.map(\.topic) == [test.topic, test.topic, test.topic])
            #expect(records.map(\.key) == [Array("a".utf8), Array("b".utf8), nil])
            #expect(records.map(\.value) == [[0, 255], nil, []])
            #expect(records[0].headers.map(\.name) == headers.map(\.name))
            #expect(records[0].headers.map(\.value) == headers.map { Array($0.value.utf8) })
            #expect(records[1].headers.isEmpty)
            #expect(records[0].timestamp > 1_600_000_000_000)
            await consumer.close()
        }
    }

    @Test func `reading begins at the position given at assignment`() async throws {
        try await MockTest.run(partitions: 1) { test in
            try await test.withProducer { _ = try await $0.send((0..<10).map { test.record($0) }) }
            let consumer = try await test.consumer()
            let records = try await consumer.collect(from: 7) { $0.count >= 3 }
            #expect(records.map(\.offset) == [7, 8, 9])
            await consumer.close()
        }
    }

    @Test func `new consumers ask for the cluster's id instead of waiting to hear it`() async throws {
        try await MockTest.run { test in
            var slow = 0
            for _ in 0..<40 {
                let consumer = try KafkaConsumer(
                    configuration: test.configuration, group: "group", instanceID: nil, topics: [test.topic],
                    logger: test.logger)
                let begun = ContinuousClock.now
                _ = try await consumer.clusterID(timeout: .seconds(10))
                if begun.duration(to: .now) > .milliseconds(800) { slow += 1 }
                await consumer.close()
            }
            #expect(slow < 3, "librdkafka lets one in five wait for its timer of one second")
        }
    }

    @Test func `new consumers know where to ask for the beginning of their partitions`() async throws {
        try await MockTest.run { test in
            var configuration = test.configuration
            configuration.securitySettings["debug"] = "topic"
            let traced = configuration
            let logger = Logger(label: "test", level: .trace, handler: test.recorder)
            try await test.withProducer { _ = try await $0.send([test.record(0)]) }
            try await withThrowingTaskGroup(of: Void.self) { group in
                for number in 0..<40 {
                    group.addTask {
                        let consumer = try KafkaConsumer(
                            configuration: traced, group: "group-\(number)", instanceID: nil,
                            topics: [test.topic], logger: logger)
                        try await consumer.join()
                        #expect(try await consumer.collect { !$0.isEmpty }.count == 1)
                        await consumer.close()
                    }
                }
                try await group.waitForAll()
            }
            #expect(test.recorder.errors(containing: "Start fetch for") > 0, "the library says what it does")
            #expect(
                test.recorder.errors(containing: "timed offset query") == 0,
                "librdkafka puts it off for half a second")
        }
    }

    @Test func `nothing comes before positions are given`() async throws {
        try await MockTest.run(partitions: 1) { test in
            try await test.withProducer { _ = try await $0.send([test.record(0)]) }
            let consumer = try await test.consumer()
            guard case .assigned(let partitions) = try await consumer.rebalanced() else {
                Issue.record("the first event is an assignment")
                return
            }
            #expect(partitions == [TopicPartition(topic: test.topic, partition: 0)])
            guard case .records(let records) = try await consumer.poll(max: 10, timeout: .milliseconds(200))
            else {
                Issue.record("no further event")
                return
            }
            #expect(records.isEmpty)
            await #expect(throws: KafkaError.configuration("no position for orders.created-0")) {
                try await consumer.assign([:])
            }
            try await consumer.assign([partitions[0]: 0])
            #expect(try await consumer.collect { !$0.isEmpty }.count == 1)
            await consumer.close()
        }
    }

    @Test func `a poll takes no more records than it is told`() async throws {
        try await MockTest.run(partitions: 1) { test in
            try await test.withProducer { _ = try await $0.send((0..<10).map { test.record($0) }) }
            let consumer = try await test.consumer()
            guard case .assigned(let partitions) = try await consumer.rebalanced() else { return }
            try await consumer.assign([partitions[0]: 0])
            var sizes: [Int] = []
            while sizes.reduce(0, +) < 10 {
                guard case .records(let records) = try await consumer.poll(max: 3, timeout: .seconds(1))
                else { break }
                sizes.append(records.count)
            }
            #expect(sizes.reduce(0, +) == 10)
            #expect(sizes.allSatisfy { $0 <= 3 })
            await consumer.close()
        }
    }

    @Test func `an offset that does not exist is an error with its partition`() async throws {
        try await MockTest.run(partitions: 1) { test in
            try await test.withProducer { _ = try await $0.send([test.record(0)]) }
            let consumer = try await test.consumer()
            let partition = TopicPartition(topic: test.topic, partition: 0)
            await #expect(throws: KafkaError.offsetOutOfRange(partition, offset: 5000)) {
                try await consumer.collect(from: 5000) { _ in false }
            }
            // The client lives on: the caller may choose another position.
            try await consumer.assign([partition: 0])
            #expect(try await consumer.collect { !$0.isEmpty }.map(\.offset) == [0])
            await consumer.close()
        }
    }

    @Test func `records that the partition no longer has are not waited for`() async throws {
        try await MockTest.run(partitions: 1) { test in
            // The mock cluster keeps 5 MB of them, as they come: what can be compressed is less.
            let noise = (0..<900_000).map { _ in UInt8.random(in: 0...255) }
            try await test.withProducer { producer in
                for _ in 0..<8 {
                    _ = try await producer.send([ProducerRecord(topic: test.topic, key: "key", value: noise)])
                }
            }
            let consumer = try await test.consumer()
            let kept = try await consumer.collect { $0.last?.offset == 7 }
            let partition = TopicPartition(topic: test.topic, partition: 0)
            #expect(kept.count < 8)
            #expect(consumer.knownLag(behind: [partition: 0]) == [partition: Int64(kept.count)])
            #expect(consumer.knownLag(behind: [partition: 7]) == [partition: 1])
            #expect(consumer.knownLag(behind: [partition: 9]) == [partition: 0])
            await consumer.close()
        }
    }

    @Test func `a topic that does not exist is named`() async throws {
        try await MockTest.run { test in
            // The mock cluster makes topics that are asked for, so an error stands in for a missing one.
            let consumer = try await test.consumer(topics: ["no.such"])
            try test.cluster.failTopic("no.such", code: 3)
            #expect(try await consumer.failure() == .unknownTopic("no.such"))
            await consumer.close()
        }
    }

    @Test func `a second member takes over a part, each with its own positions`() async throws {
        try await MockTest.run(partitions: 4) { test in
            try await test.withProducer { producer in
                _ = try await producer.send((0..<40).map { test.record($0, partition: Int32($0 % 4)) })
                let first = try await test.consumer()
                #expect(try await first.collect { $0.count >= 40 }.count == 40)
                let second = try await test.consumer()
                // A member that is late for a rebalance is left out of it, so there may be one or several.
                let halves = Halves()
                async let firstRecords = half(of: first, as: 0, in: halves)
                async let secondRecords = half(of: second, as: 1, in: halves)
                let all = try await firstRecords + secondRecords
                // Both were given offset 5: each partition's last five records come once.
                #expect(all.count == 20)
                #expect(all.allSatisfy { $0.offset >= 5 })
                #expect(Set(all.map { "\($0.partition)@\($0.offset)" }).count == 20)
                await second.close()
                var owned = 0
                while owned < 4 {
                    if case .assigned(let count) = try await events(of: first, count: 1).first {
                        owned = count
                    }
                }
                await first.close()
            }
        }
    }

    @Test func `reading goes on when the brokers come back, with one line about it`() async throws {
        try await MockTest.run(partitions: 1) { test in
            try await test.withProducer { producer in
                _ = try await producer.send([test.record(0)])
                let consumer = try await test.consumer()
                #expect(try await consumer.collect { !$0.isEmpty }.map(\.offset) == [0])
                try test.cluster.setDown()
                for _ in 0..<20 { _ = try await consumer.poll(max: 10, timeout: .milliseconds(100)) }
                try test.cluster.setUp()
                _ = try await producer.send([test.record(1)])
                #expect(try await consumer.collect(from: 1) { !$0.isEmpty }.map(\.offset) == [1])
                #expect(test.recorder.count(atLeast: .warning, "kafka client error") < 8)
                await consumer.close()
            }
        }
    }

    @Test func `a member that another one of its name has replaced is finished`() async throws {
        try await MockTest.run(partitions: 1) { test in
            let consumer = try await test.consumer(instanceID: "inventory-0")
            _ = try await consumer.rebalanced()
            let heartbeat: Int16 = 12
            let fencedInstanceID: Int32 = 82
            try test.cluster.failNext(request: heartbeat, codes: [fencedInstanceID])
            let error = try await consumer.failure()
            guard case .fatal = error else {
                Issue.record("\(error)")
                return
            }
            await consumer.close()
        }
    }

    @Test func `closing ends a poll under way`() async throws {
        try await MockTest.run(partitions: 1) { test in
            let consumer = try await test.consumer()
            _ = try await consumer.collect { _ in true }
            let start = ContinuousClock.now
            async let polls: Void = {
                await #expect(throws: KafkaError.closed) {
                    while true { _ = try await consumer.poll(max: 10, timeout: .seconds(60)) }
                }
            }()
            await Task.yield()
            await consumer.close()
            await polls
            #expect(ContinuousClock.now - start < .seconds(45))
            await consumer.close()
        }
    }

    @Test func `a cancelled poll returns at once`() async throws {
        try await MockTest.run(partitions: 1) { test in
            let consumer = try await test.consumer()
            let start = ContinuousClock.now
            try await withThrowingTaskGroup(of: Void.self) { group in
                group.addTask { _ = try await consumer.poll(max: 10, timeout: .seconds(60)) }
                group.cancelAll()
                try await group.waitForAll()
            }
            #expect(ContinuousClock.now - start < .seconds(45))
            await consumer.close()
        }
    }

    @Test func `closing while it joins anew ends nothing else`() async throws {
        try await MockTest.run(partitions: 1) { test in
            let members = [try await test.consumer(), try await test.consumer()]
            var counts = [-1, -1]
            let deadline = ContinuousClock.now + .seconds(60)
            while counts.sorted() != [0, 1], .now < deadline {
                for (index, member) in members.enumerated() {
                    switch try await member.poll(max: 1, timeout: .milliseconds(50)) {
                    case .assigned(let partitions):
                        counts[index] = partitions.count
                        try await member.assign(Dictionary(uniqueKeysWithValues: partitions.map { ($0, 0) }))
                    case .revoked: counts[index] = -1
                    case .records: break
                    }
                }
            }
            let idle = try #require(counts.firstIndex(of: 0))
            let anew = "joining the group anew, since this member has nothing of some topic"
            // Without a look at what the group says to it, as where the end comes between.
            while test.recorder.count(atLeast: .info, anew) == 0, .now < deadline {
                _ = try await members[idle].poll(max: 0, timeout: .zero)
            }
            #expect(test.recorder.count(atLeast: .info, anew) == 1)
            for member in members { await member.close() }
        }
    }

    @Test func `closing while the brokers are away does not hang`() async throws {
        try await MockTest.run(partitions: 1) { test in
            let consumer = try await test.consumer()
            _ = try await consumer.rebalanced()
            try test.cluster.setDown()
            let start = ContinuousClock.now
            await consumer.close()
            #expect(ContinuousClock.now - start < .seconds(45))
        }
    }

    /// What each of two members has got since its last assignment.
    private final class Halves: Sendable {
        let records = Mutex<[[KafkaRecord]]>([[], []])

        var areComplete: Bool { records.withLock { $0.allSatisfy { $0.count == 10 } } }
    }

    /// Polls until both members have read their half of the records; assignments are given offset 5.
    private func half(of consumer: KafkaConsumer, as index: Int, in halves: Halves) async throws
        -> [KafkaRecord]
    {
        let deadline = ContinuousClock.now + .seconds(60)
        while !halves.areComplete {
            guard ContinuousClock.now < deadline else { throw DeadlinePassed() }
            switch try await consumer.poll(max: 100, timeout: .milliseconds(100)) {
            case .assigned(let partitions):
                halves.records.withLock { $0[index] = [] }
                try await consumer.assign(Dictionary(uniqueKeysWithValues: partitions.map { ($0, 5) }))
            case .revoked: halves.records.withLock { $0[index] = [] }
            case .records(let records): halves.records.withLock { $0[index] += records }
            }
        }
        return halves.records.withLock { $0[index] }
    }

    enum Event: Equatable {
        case assigned(Int)
        case revoked(Int)
    }

    /// The next rebalances; assignments are given offset 5.
    private func events(of consumer: KafkaConsumer, count: Int) async throws -> [Event] {
        var events: [Event] = []
        while events.count < count {
            switch try await consumer.rebalanced() {
            case .assigned(let partitions):
                events.append(.assigned(partitions.count))
                try await consumer.assign(Dictionary(uniqueKeysWithValues: partitions.map { ($0, 5) }))
            case .revoked(let partitions): events.append(.revoked(partitions.count))
            case .records: break
            }
        }
        return events
    }
}
