import Foundation
import Kafka
import Observability
import Synchronization
import Testing

@Suite("Kafka producer")
struct KafkaProducerTests {
    @Test func `a batch comes back with the place of every record`() async throws {
        try await MockTest.run(partitions: 1) { test in
            try await test.withProducer { producer in
                let first = try await producer.send((0..<100).map { test.record($0) })
                #expect(first == (0..<100).map { Delivery(partition: 0, offset: $0) })
                let second = try await producer.send([test.record(100)])
                #expect(second == [Delivery(partition: 0, offset: 100)])
                #expect(try await producer.send([]) == [])
            }
        }
    }

    // From the tests of Java's client, so that all clients agree on where an order lives.
    @Test(arguments: [
        ("21", -973_932_308), ("foobar", -790_332_482), ("a-little-bit-long-string", -985_981_536),
        ("a-little-bit-longer-string", -1_486_304_829),
        ("lkjh234lh9fiuh90y23oiuhsafujhadof229phr9h19h89h8", -58_897_971), ("abc", 479_470_107),
    ])
    func `a key goes to the partition that Java would choose`(key: String, murmur2: Int32) async throws {
        try await MockTest.run { test in
            try await test.withProducer { producer in
                let deliveries = try await producer.send([test.record(1, key: key)])
                #expect(deliveries.map(\.partition) == [(murmur2 & 0x7fff_ffff) % 12])
                let known = TopicPartition(topic: "any", key: Array(key.utf8), partitions: 12)
                #expect(deliveries.map(\.partition) == [known.partition])
            }
        }
    }

    @Test func `many senders at once all get their own answers`() async throws {
        try await MockTest.run(partitions: 1) { test in
            try await test.withProducer { producer in
                let offsets = try await withThrowingTaskGroup(of: [Int64].self) { group in
                    for _ in 0..<50 {
                        group.addTask {
                            try await producer.send((0..<20).map { test.record($0) }).map(\.offset)
                        }
                    }
                    return try await group.reduce(into: []) { $0.append($1) }
                }
                #expect(offsets.allSatisfy { $0 == Array($0[0]..<$0[0] + 20) })
                #expect(offsets.flatMap { $0 }.sorted() == Array(0..<1000))
            }
        }
    }

    @Test func `an error that passes is retried without a duplicate`() async throws {
        try await MockTest.run(partitions: 1) { test in
            try await test.withProducer { producer in
                let notLeader: Int32 = 6
                let timedOut: Int32 = 7
                try test.cluster.failNext(request: 0, codes: [notLeader, timedOut])
                let deliveries = try await producer.send((0..<10).map { test.record($0) })
                #expect(deliveries.map(\.offset) == Array(0..<10))
            }
        }
    }

    @Test func `on a new partition nothing overtakes the first batch`() async throws {
        try await MockTest.run(partitions: 1) { test in
            try await test.withProducer { producer in
                try await producer.prepare(topics: [test.topic], timeout: .seconds(10))
                let notLeader: Int32 = 6
                try test.cluster.failNext(request: 0, codes: [notLeader])
                try test.cluster.delay(milliseconds: 100)
                // More than one request holds, so that several are in flight.
                let deliveries = try await producer.send((0..<3000).map { test.record($0) })
                #expect(deliveries.map(\.offset) == Array(0..<3000))
            }
        }
    }

    @Test func `a refused record fails the batch with its reason`() async throws {
        try await MockTest.run(partitions: 1) { test in
            try await test.withProducer { producer in
                let topicAuthorizationFailed: Int32 = 29
                try test.cluster.failNext(request: 0, codes: [topicAuthorizationFailed])
                await #expect {
                    try await producer.send([test.record(1)])
                } throws: { error in
                    if case KafkaError.authorization = error { true } else { false }
                }
            }
        }
    }

    @Test func `a record over the limit is refused, and what is beside it is written`() async throws {
        try await MockTest.run(partitions: 1) { test in
            try await test.withProducer { producer in
                let huge = ProducerRecord(
                    topic: test.topic, key: "key", value: Array(repeating: 0, count: 2 << 20))
                await #expect(throws: KafkaError.recordTooLarge(test.topic)) {
                    try await producer.send([test.record(0), huge, test.record(1)])
                }
                let next = try await producer.send([test.record(2)])
                #expect(next.map(\.offset) == [1])
            }
        }
    }

    @Test func `more than may be in flight is refused whole`() async throws {
        try await MockTest.run(partitions: 1) { test in
            try await test.withProducer { producer in
                let count = KafkaProducer.recordsInFlightMax + 1
                await #expect(throws: KafkaError.queueFull) {
                    try await producer.send(Array(repeating: test.record(0), count: count))
                }
                let next = try await producer.send([test.record(1)])
                #expect(next.map(\.offset) == [0])
            }
        }
    }

    @Test func `a fatal error ends every wait, and a new producer goes on`() async throws {
        try await MockTest.run(partitions: 1) { test in
            try await test.withProducer { producer in
                _ = try await producer.send([test.record(0)])
                let outOfOrderSequence: Int32 = 45
                try test.cluster.failNext(request: 0, codes: [outOfOrderSequence])
                await expectFatal { try await producer.send((1..<10).map { test.record($0) }) }
                await expectFatal { try await producer.send([test.record(10)]) }
            }
            try await test.withProducer { producer in
                let next = try await producer.send([test.record(1)])
                // More than one where the refused records went in two requests, of which only one was refused.
                #expect(next[0].offset >= 1)
            }
        }
    }

    @Test func `a batch waits while the brokers are away and is written when they are back`() async throws {
        try await MockTest.run(partitions: 1) { test in
            try await test.withProducer { producer in
                _ = try await producer.send([test.record(0)])
                try test.cluster.setDown()
                async let deliveries = producer.send((1..<10).map { test.record($0) })
                try await eventually { test.recorder.count(atLeast: .warning, "kafka client error") > 0 }
                try test.cluster.setUp()
                #expect(try await deliveries.map(\.offset) == Array(1..<10))
            }
        }
    }

    @Test func `closing while the brokers are away answers who waits`() async throws {
        try await MockTest.run(partitions: 1) { test in
            let producer = try KafkaProducer(configuration: test.configuration, logger: test.logger)
            _ = try await producer.send([test.record(0)])
            try test.cluster.setDown()
            async let answer: Void = {
                await #expect(throws: KafkaError.closed) { try await producer.send([test.record(1)]) }
            }()
            try await eventually { test.recorder.count(atLeast: .warning, "kafka client error") > 0 }
            await producer.close(timeout: .milliseconds(10))
            await answer
            await #expect(throws: KafkaError.closed) { try await producer.send([test.record(2)]) }
            await #expect(throws: KafkaError.closed) { try await producer.clusterID(timeout: .seconds(1)) }
            await producer.close(timeout: .zero)
        }
    }

    /// The library drops the reports that it has not brought when its client ends.
    ///
    /// - Parameter blocked: until a report is too late for `close` but the client still ends, and for longer than that.
    @Test(arguments: [Duration.seconds(3), .seconds(8)])
    func `closing answers who waits when no report comes`(blocked: Duration) async throws {
        try await MockTest.run(partitions: 1) { test in
            let handler = SlowLogHandler(blocking: blocked)
            let producer = try KafkaProducer(
                configuration: test.configuration, logger: Logger(label: "test", handler: handler))
            _ = try await producer.send([test.record(0)])
            try test.cluster.setDown()
            let error = Mutex<KafkaError?>(nil)
            // Nobody waits for it, since it may never end.
            Task {
                do throws(KafkaError) {
                    _ = try await producer.send([test.record(1), test.record(2)])
                } catch let caught {
                    error.withLock { $0 = caught }
                }
            }
            try await eventually { handler.isBlocked }
            await producer.close(timeout: .zero)
            try await eventually(within: .seconds(10)) { error.withLock { $0 } != nil }
            #expect(error.withLock { $0 } == .closed)
            // Reports that come after all change nothing.
            try await eventually { handler.isDone }
        }
    }

    @Test func `a topic that does not exist is named`() async throws {
        try await MockTest.run { test in
            try await test.withProducer { producer in
                try await producer.prepare(topics: [test.topic], timeout: .seconds(10))
                // The mock cluster makes topics that are asked for, so an error stands in for a missing one.
                try test.cluster.failTopic("no.such", code: 3)
                await #expect(throws: KafkaError.unknownTopic("no.such")) {
                    try await producer.prepare(topics: ["no.such"], timeout: .seconds(10))
                }
                #expect(try await producer.clusterID(timeout: .seconds(10)).hasPrefix("mockCluster"))
            }
        }
    }

    @Test func `a setting that does not exist is refused`() throws {
        let configuration = KafkaConfiguration(
            bootstrapServers: "127.0.0.1:1", clientID: "test", securitySettings: ["ssl.nonsense": "1"])
        let logger = MockTest.silentLogger
        #expect(throws: KafkaError.configuration(#"No such configuration property: "ssl.nonsense""#)) {
            try KafkaProducer(configuration: configuration, logger: logger)
        }
    }

    private func expectFatal(_ body: () async throws -> [Delivery]) async {
        await #expect {
            _ = try await body()
        } throws: { error in
            if case KafkaError.fatal = error { true } else { false }
        }
    }
}

/// Holds the thread that logs the first of a client's errors, as a full pipe does.
private final class SlowLogHandler: LogHandler {
    private enum Phase { case waiting, blocked, done }

    private let phase = Mutex(Phase.waiting)
    private let limit: Duration

    init(blocking limit: Duration) { self.limit = limit }

    var isBlocked: Bool { phase.withLock { $0 == .blocked } }
    var isDone: Bool { phase.withLock { $0 == .done } }

    func log(label: String, level: Logger.Level, message: String, metadata: Logger.Metadata) {
        guard message == "kafka client error" else { return }
        let isFirst = phase.withLock { phase in
            guard phase == .waiting else { return false }
            phase = .blocked
            return true
        }
        guard isFirst else { return }
        Thread.sleep(forTimeInterval: limit / .seconds(1))
        phase.withLock { $0 = .done }
    }
}
