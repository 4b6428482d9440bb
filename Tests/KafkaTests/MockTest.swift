import Foundation
import Kafka
import Observability
import Synchronization
import Testing

/// Keeps what the clients log.
final class LogRecorder: LogHandler {
    private let recorded = Mutex<[(level: Logger.Level, message: String, metadata: Logger.Metadata)]>([])

    func log(label: String, level: Logger.Level, message: String, metadata: Logger.Metadata) {
        recorded.withLock { $0.append((level, message, metadata)) }
    }

    func count(atLeast level: Logger.Level, _ message: String) -> Int {
        recorded.withLock { lines in lines.filter { $0.level >= level && $0.message == message }.count }
    }

    /// How many lines tell of an error, or of what the library says of itself, with these words.
    func errors(containing words: String) -> Int {
        recorded.withLock { lines in
            lines.filter { $0.metadata[LogKey.error]?.contains(words) ?? false }.count
        }
    }
}

/// A mock cluster with one topic, and the clients of a test.
struct MockTest: Sendable {
    let cluster: MockCluster
    let recorder = LogRecorder()
    let topic = "orders.created"
    var logger: Logger { Logger(label: "test", level: .debug, handler: recorder) }
    var configuration: KafkaConfiguration {
        // The mock cluster takes 3 s for a first member, and nearly a session for each rebalance.
        KafkaConfiguration(
            bootstrapServers: cluster.bootstrapServers, clientID: "test",
            securitySettings: ["session.timeout.ms": "9000", "heartbeat.interval.ms": "200"],
            fetchWaitMilliseconds: 5)
    }

    /// Runs a test's body and closes the cluster after it, however it ends.
    static func run(partitions: Int32 = 12, _ body: @Sendable (MockTest) async throws -> Void) async throws {
        let logger = Logger(label: "mock", handler: LogRecorder())
        let test = MockTest(cluster: try MockCluster(brokers: 1, logger: logger))
        try test.cluster.createTopic(test.topic, partitions: partitions)
        try await body(test)
        test.cluster.close()
    }

    func withProducer(_ body: (KafkaProducer) async throws -> Void) async throws {
        let producer = try KafkaProducer(configuration: configuration, logger: logger)
        do {
            try await body(producer)
        } catch {
            await producer.close(timeout: .zero)
            throw error
        }
        await producer.close(timeout: .seconds(5))
    }

    func consumer(
        instanceID: String? = nil, topics: [String]? = nil
    ) async throws -> KafkaConsumer {
        let consumer = try KafkaConsumer(
            configuration: configuration, group: "group", instanceID: instanceID, topics: topics ?? [topic],
            logger: logger)
        try await consumer.join()
        return consumer
    }

    static var silentLogger: Logger { Logger(label: "test", handler: LogRecorder()) }

    func record(_ number: Int, key: String = "key", partition: Int32? = nil) -> ProducerRecord {
        ProducerRecord(topic: topic, key: key, value: Array("\(number)".utf8), partition: partition)
    }
}

struct DeadlinePassed: Error {}

extension KafkaConsumer {
    /// Polls until the condition is true of what has come so far.
    ///
    /// Positions of new assignments come from
    /// `position`.
    nonisolated func collect(
        from position: Int64 = KafkaConsumer.beginning, within limit: Duration = .seconds(60),
        until isComplete: ([KafkaRecord]) -> Bool
    ) async throws -> [KafkaRecord] {
        let deadline = ContinuousClock.now + limit
        var all: [KafkaRecord] = []
        while ContinuousClock.now < deadline {
            switch try await poll(max: 100, timeout: .milliseconds(100)) {
            case .records(let records): all += records
            case .assigned(let partitions):
                try await assign(Dictionary(uniqueKeysWithValues: partitions.map { ($0, position) }))
            case .revoked: break
            }
            if isComplete(all) { return all }
        }
        throw DeadlinePassed()
    }

    /// Polls until an assignment or a revocation comes.
    nonisolated func rebalanced(within limit: Duration = .seconds(60)) async throws -> Poll {
        let deadline = ContinuousClock.now + limit
        while ContinuousClock.now < deadline {
            let poll = try await poll(max: 100, timeout: .milliseconds(100))
            if case .records = poll { continue }
            return poll
        }
        throw DeadlinePassed()
    }

    /// Polls until an error comes.
    nonisolated func failure(within limit: Duration = .seconds(60)) async throws -> KafkaError {
        do {
            _ = try await collect(within: limit) { _ in false }
        } catch let error as KafkaError {
            return error
        }
        throw DeadlinePassed()
    }
}

extension KafkaRecord {
    var text: String { String(decoding: value ?? [], as: UTF8.self) }
}

/// Waits for a condition that another thread brings about.
func eventually(within limit: Duration = .seconds(60), _ condition: () -> Bool) async throws {
    let deadline = ContinuousClock.now + limit
    while !condition() {
        guard ContinuousClock.now < deadline else { throw DeadlinePassed() }
        await Task.yield()
    }
}
