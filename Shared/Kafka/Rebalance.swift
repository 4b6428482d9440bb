import CRDKafka
import Observability
import Synchronization

/// What the group told this member, in order.
enum RebalanceEvent {
    case assigned([TopicPartition])
    case revoked([TopicPartition])
}

/// What the rebalance callback leaves for the poll during which it ran.
final class RebalanceInbox: Sendable {
    private struct State {
        var events: [RebalanceEvent] = []
        var assignment: Set<TopicPartition> = []
    }

    private let state = Mutex(State())

    /// The next event, in order, or nil.
    func next() -> RebalanceEvent? {
        state.withLock { $0.events.isEmpty ? nil : $0.events.removeFirst() }
    }

    /// The partitions that are this member's now, whether or not they have been given positions.
    var assignment: Set<TopicPartition> { state.withLock(\.assignment) }

    func assign(_ partitions: [TopicPartition]) {
        state.withLock { state in
            state.assignment = Set(partitions)
            state.events.append(.assigned(partitions))
        }
    }

    func revoke(_ partitions: [TopicPartition]) {
        state.withLock { state in
            state.assignment = []
            // An assignment that the caller never saw is gone: to give it positions now would be to take what
            // is another member's.
            state.events.removeAll { if case .assigned = $0 { true } else { false } }
            state.events.append(.revoked(partitions))
        }
    }
}

/// The rebalance callback of a consumer.
///
/// Runs inside its poll, on its thread.
///
/// It ends a revoked assignment at once. A new one is only noted: fetching begins when the caller has looked
/// up the positions and called `assign`.
func rebalance(
    _ client: OpaquePointer, _ code: rd_kafka_resp_err_t,
    _ list: UnsafeMutablePointer<rd_kafka_topic_partition_list_t>?, _ context: ClientContext
) {
    let partitions = list.map { PartitionList.partitions(of: $0) } ?? []
    switch code {
    case RD_KAFKA_RESP_ERR__ASSIGN_PARTITIONS:
        // Nothing needs positions, and the group waits for an answer.
        if partitions.isEmpty { rd_kafka_assign(client, list) }
        context.rebalances.assign(partitions)
    case RD_KAFKA_RESP_ERR__REVOKE_PARTITIONS:
        if rd_kafka_assignment_lost(client) == 1 {
            context.logger.info("kafka assignment lost", metadata: [LogKey.count: "\(partitions.count)"])
        }
        rd_kafka_assign(client, nil)
        context.rebalances.revoke(partitions)
    default:
        context.note(code, String(cString: rd_kafka_err2str(code)))
        rd_kafka_assign(client, nil)
        context.rebalances.revoke(Array(context.rebalances.assignment))
    }
    // Ends the poll, which would otherwise go on waiting for a record.
    rd_kafka_yield(client)
}

/// Lists of partitions as librdkafka has them.
enum PartitionList {
    typealias Pointer = UnsafeMutablePointer<rd_kafka_topic_partition_list_t>

    static func make(_ positions: some Collection<(key: TopicPartition, value: Int64)>) -> Pointer? {
        guard let list = rd_kafka_topic_partition_list_new(Int32(positions.count)) else { return nil }
        for (partition, offset) in positions {
            rd_kafka_topic_partition_list_add(list, partition.topic, partition.partition).pointee.offset =
                offset
        }
        return list
    }

    static func elements(
        of list: UnsafePointer<rd_kafka_topic_partition_list_t>
    ) -> UnsafeBufferPointer<rd_kafka_topic_partition_t> {
        UnsafeBufferPointer(start: list.pointee.elems, count: Int(list.pointee.cnt))
    }

    static func partitions(of list: Pointer) -> [TopicPartition] { elements(of: list).map(\.topicPartition) }
}

extension rd_kafka_topic_partition_t {
    var topicPartition: TopicPartition {
        TopicPartition(topic: topic.map { String(cString: $0) } ?? "", partition: partition)
    }
}
