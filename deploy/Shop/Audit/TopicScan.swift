import Contracts
import Kafka
import Kernel
import Messaging

/// Everything that stood in the topics when the scan began, read once from beginning to end.
struct TopicScan: Sendable {
    /// Where a record stands; small, since there is one for each event ever published.
    struct Position: Hashable, Sendable {
        let topic: Int16
        let partition: Int16
        let offset: Int64

        var publisher: String { Topic.all[Int(topic)].publisher }
    }

    /// The first occurrence of each event.
    private(set) var events: [Identifier: Position] = [:]
    /// Events whose record a service has set aside: they are in their topics, and nothing else is said of them.
    private(set) var setAsideEvents: Set<Identifier> = []
    /// Records that are no events of ours.
    private(set) var strangers: [Position] = []
    /// Versions that came after a higher one of the same topic and key; first occurrences only.
    private(set) var inversions = Violations()
    /// Keys that were found on two partitions.
    private(set) var wanderers = Violations()
    /// Topics of which retention has deleted records.
    private(set) var trimmed: Set<String> = []
    /// Records that services have set aside: nothing they say counts.
    private let setAside: Set<Position>
    private var versions: [VersionKey: Int64] = [:]
    private var homes: [String: Int32] = [:]
    private var nextOffsets: [TopicPartition: Int64] = [:]
    private var compacted: Set<TopicPartition> = []

    private struct VersionKey: Hashable {
        let topic: Int16
        let key: String
    }

    private static let indices = Dictionary(
        uniqueKeysWithValues: Topic.all.enumerated().map { ($0.element.name, Int16($0.offset)) })

    static func describe(_ position: Position) -> String {
        "\(Topic.all[Int(position.topic)].name)/\(position.partition)@\(position.offset)"
    }

    static func position(topic: String, partition: Int32, offset: Int64) -> Position? {
        indices[topic].map {
            Position(topic: $0, partition: Int16(truncatingIfNeeded: partition), offset: offset)
        }
    }

    init(setAside: Set<Position>) { self.setAside = setAside }

    /// Reads the topics up to where they end now.
    ///
    /// - Parameters:
    ///   - shop: where the brokers are.
    ///   - setAside: the dead letters, which somebody else wrote and no service has handled.
    /// - Returns: what stands there.
    /// - Throws: `KafkaError`; `Failure` where the brokers stop answering.
    static func run(_ shop: Shop, without setAside: Set<Position>) async throws -> TopicScan {
        let limits = try await shop.withKafka { try await TopicCommands.offsets(of: nil, $0) }
        var scan = TopicScan(setAside: setAside)
        scan.trimmed = Set(limits.filter { $0.value.beginning > 0 }.map(\.key.topic))
        try await TopicRecords.read(limits, shop) { scan.take($0) }
        return scan
    }

    mutating func take(_ record: KafkaRecord) {
        let partition = record.topicPartition
        if let next = nextOffsets[partition], next != record.offset { compacted.insert(partition) }
        nextOffsets[partition] = record.offset + 1
        guard
            let position = Self.position(
                topic: record.topic, partition: record.partition, offset: record.offset)
        else { return }
        guard !setAside.contains(position) else {
            if let event = try? CloudEvent(headers: record.headers) { setAsideEvents.insert(event.id) }
            return
        }
        guard let event = try? CloudEvent(headers: record.headers), event.type == record.topic else {
            return strangers.append(position)
        }
        guard events.updateValue(position, forKey: event.id) == nil else { return }
        let home = homes[event.subject] ?? record.partition
        homes[event.subject] = home
        if home != record.partition {
            wanderers.add("\(event.subject): partitions \(home) and \(record.partition) (\(record.topic))")
        }
        // Where compaction has taken records away, a repeated one looks like a first one.
        guard !event.type.hasSuffix(".deadLetters"), !compacted.contains(partition) else { return }
        let key = VersionKey(topic: position.topic, key: event.subject)
        if let before = versions[key], event.version <= before {
            inversions.add("\(event.subject): \(event.version) after \(before) at \(Self.describe(position))")
        }
        versions[key] = max(event.version, versions[key] ?? event.version)
    }
}
