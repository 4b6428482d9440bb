import Contracts
import Kafka
import Kernel
import Messaging

/// The orders whose events are on one partition: an order is on the same one in every topic.
struct ReplayScan: Sendable {
    /// How many events are held at once, at about 3 kB each with what is made of them.
    static let eventsMax: Int64 = 1_000_000
    /// Events that were written at once may be so far apart in a topic.
    private static let margin = Duration.seconds(600)

    private(set) var orders: [Identifier: OrderLog] = [:]
    private(set) var records: Int64 = 0
    private(set) var events: Int64 = 0
    /// Records that no service can read either.
    private(set) var unreadable = Violations()
    /// Of orders placed before it Kafka may have deleted events; nil where it has deleted none.
    private(set) var horizon: Timestamp?
    private var opened: Set<TopicPartition> = []
    private let limits: [TopicPartition: PartitionLag]

    init(_ limits: [TopicPartition: PartitionLag]) { self.limits = limits }

    /// What stands in the topics that tell of orders, now.
    ///
    /// - Throws: `Failure` where there are no topics.
    private static func limits(_ shop: Shop) async throws -> [TopicPartition: PartitionLag] {
        let topics = Set(OrderFact.topics.map(\.name))
        let limits = try await shop.withKafka { try await TopicCommands.offsets(of: nil, $0) }
            .filter { topics.contains($0.key.topic) }
        guard !limits.isEmpty else {
            throw Failure("there are no topics: has `shop setup` run on this cluster?")
        }
        return limits
    }

    /// The numbers that partitions have.
    static func partitions(_ shop: Shop) async throws -> [Int32] {
        Set(try await limits(shop).keys.map(\.partition)).sorted()
    }

    /// One order alone.
    ///
    /// - Throws: as `TopicRecords.read` does; `Failure` where there are no topics.
    static func one(_ order: Identifier, _ shop: Shop) async throws -> ReplayScan {
        let key = Array(order.description.utf8)
        let limits = try await limits(shop)
        let counts = limits.keys.reduce(into: [String: Int32]()) { counts, partition in
            counts[partition.topic] = max(counts[partition.topic] ?? 0, partition.partition + 1)
        }
        let home = Set(counts.map { TopicPartition(topic: $0, key: key, partitions: $1) })
        return try await run(limits.filter { home.contains($0.key) }, onlyOf: key, shop)
    }

    /// All orders on the partitions of one number.
    ///
    /// - Throws: as `TopicRecords.read` does; `Failure` where there are no topics, or more events than can be held.
    static func all(on number: Int32, _ shop: Shop) async throws -> ReplayScan {
        try await run(try await limits(shop).filter { $0.key.partition == number }, onlyOf: nil, shop)
    }

    private static func run(
        _ limits: [TopicPartition: PartitionLag], onlyOf key: [UInt8]?, _ shop: Shop
    ) async throws -> ReplayScan {
        let now = Timestamp.now()
        var scan = ReplayScan(limits)
        for (partition, limit) in limits where limit.beginning > 0 && limit.beginning == limit.end {
            scan.lost(allOf: partition, at: now)
        }
        try await TopicRecords.read(limits, shop) { record in
            scan.take(record, onlyOf: key)
            guard scan.events <= eventsMax else {
                throw Failure(
                    "more than \(eventsMax) events are on one partition, too many to hold: replay one order alone"
                )
            }
        }
        return scan
    }

    mutating func take(_ record: KafkaRecord, onlyOf key: [UInt8]? = nil) {
        if limits[record.topicPartition]?.beginning ?? 0 > 0, opened.insert(record.topicPartition).inserted,
            let first = try? CloudEvent(headers: record.headers)
        {
            horizon = max(horizon ?? first.time, first.time.advanced(by: Self.margin))
        }
        if let key, record.key != key { return }
        records += 1
        do {
            let incoming = try OrderFact.decode(record)
            let id = incoming.message.event.orderId
            let before = orders[id]?.events.count ?? 0
            orders[id, default: OrderLog(order: id)].take(
                LoggedEvent(
                    incoming, partition: record.partition, offset: record.offset,
                    publishedAt: Self.publishedAt(record)))
            events += Int64((orders[id]?.events.count ?? 0) - before)
        } catch {
            unreadable.add("\(record.topic) p\(record.partition)@\(record.offset): \(error)")
        }
    }

    /// Nil where the record says none, or one after the year 9999: whoever produces a record may write what he likes.
    private static func publishedAt(_ record: KafkaRecord) -> Timestamp? {
        (0...253_402_300_799_999).contains(record.timestamp)
            ? Timestamp(unixMilliseconds: record.timestamp) : nil
    }

    /// Retention has left nothing of a partition, so nothing tells up to when.
    private mutating func lost(allOf partition: TopicPartition, at now: Timestamp) {
        guard let topic = Topic.all.first(where: { $0.name == partition.topic }),
            case .days(let days) = topic.retention
        else { return }
        let oldest = now.advanced(by: .seconds(-86_400 * days))
        horizon = max(horizon ?? oldest, oldest)
    }
}
