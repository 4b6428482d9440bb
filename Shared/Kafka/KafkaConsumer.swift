import BlockingIO
import CRDKafka
package import Observability
import Synchronization

/// A member of a consumer group whose offsets are kept by the caller.
///
/// One caller polls in a loop. After `.assigned` it looks up where it left off and calls `assign`; records
/// come from then on. After `.revoked` the partitions are another member's. A member that doesn't poll for a
/// minute is thrown out of its group, so a handler has to be done well before that.
///
/// Runs on a thread of its own, which its C calls may block. Close it explicitly; a consumer that is merely
/// dropped leaks its threads and keeps its partitions.
package actor KafkaConsumer {
    /// What a poll brings.
    package enum Poll: Sendable {
        /// What has been fetched, in order for each partition; empty when nothing came in time.
        case records([KafkaRecord])
        /// All partitions that are now this member's; call `assign` with a position for each.
        case assigned([TopicPartition])
        /// All partitions that were this member's and aren't any more. Nothing is to be done about them in
        /// Kafka.
        case revoked([TopicPartition])
    }

    private let executor: ThreadExecutor
    private let client: ClientHandle
    private let wakeUp: WakeUp
    private let topics: [String]
    private let bytesMax: Int
    /// Set before the client is ended: from then on nobody may ask it, on any thread.
    private let closed = Mutex(false)
    private var reader = RecordReader()
    /// Held from joining to leaving; see `join`.
    private var handles: [OpaquePointer] = []
    /// An error that came behind records; thrown by the next poll.
    private var pendingError: KafkaError?
    /// When to join anew, because this member has nothing of some topic.
    private var renewal: ContinuousClock.Instant?
    private var renewals = 0
    /// From joining anew to the assignment that follows.
    private var isRenewing = false

    package nonisolated var unownedExecutor: UnownedSerialExecutor { executor.asUnownedSerialExecutor() }

    /// Starts the client, which is in no group before `join()`.
    ///
    /// Doesn't wait for a broker to be there.
    ///
    /// - Parameters:
    ///   - configuration: how to reach the cluster.
    ///   - group: its members share the topics' partitions.
    ///   - instanceID: names this member across restarts, so that one that comes back within the session
    ///     time-out goes on with its partitions at once. Unique in the group: a second member of the
    ///     same name ends the first with `.fatal`.
    ///   - topics: that exist; a missing one is an error of `poll`.
    ///   - bytesMax: a poll that has this many bytes of keys and values takes no further record.
    ///   - logger: for what passes by itself.
    /// - Throws: `.configuration` for a setting that doesn't exist or can't be; stop. `.other` when the system has no room for
    ///   a thread; try again after a pause.
    package init(
        configuration: KafkaConfiguration, group: String, instanceID: String?, topics: [String],
        bytesMax: Int = 4 << 20, logger: Logger
    ) throws(KafkaError) {
        executor = try .start("kafka-consumer")
        client = try ClientHandle(
            type: RD_KAFKA_CONSUMER,
            settings: ClientSettings.consumer(configuration, group: group, instanceID: instanceID),
            context: ClientContext(logger: logger, clientID: configuration.clientID), prepare: setCallbacks)
        // Errors and callbacks come with the records, from the one queue that is polled.
        rd_kafka_poll_set_consumer(client.pointer)
        wakeUp = WakeUp(queue: rd_kafka_queue_get_consumer(client.pointer))
        self.topics = topics
        self.bytesMax = bytesMax
    }

    /// Joins the group; call it once the cluster is known to be the right one.
    ///
    /// On a cluster without the topics a member is given no partitions, and the broker gives that answer again to whoever
    /// comes under the same instance id within a session (KAFKA-13435). A member that has nothing of some topic therefore
    /// leaves and joins anew, after 3 s, 6 s and 12 s; then it takes it that there are more members than partitions.
    ///
    /// The library learns where a topic's partitions are while it has a handle of the topic. Where assigning makes the first
    /// one, the question for a partition's beginning may come before its broker knows of it, and is put off for half a second.
    ///
    /// - Throws: `.closed`.
    package func join() throws(KafkaError) {
        guard !isClosed else { throw .closed }
        if handles.isEmpty { handles = topics.compactMap { rd_kafka_topic_new(client.pointer, $0, nil) } }
        try subscribe(client, topics)
    }

    /// Waits for a record and takes along whatever else has been fetched already.
    ///
    /// A cancelled task gets an empty answer at once. Brokers that are away are logged and waited for.
    ///
    /// - Parameters:
    ///   - max: the most records to return.
    ///   - timeout: how long to wait for the first.
    /// - Returns: records, none if nothing came in time, or what the group decided meanwhile.
    /// - Throws: `.fatal`: close this consumer and make another. `.offsetOutOfRange`: its partition stands
    ///   still until it is assigned a position that exists. `.authorization`: a person has to act; polling on
    ///   would try again. `.unknownTopic`: the same, unless it passes; see `find`. `.closed`.
    package func poll(max: Int, timeout: Duration) async throws(KafkaError) -> Poll {
        let answer = await withTaskCancellationHandler {
            let timeout = Task.isCancelled ? .zero : timeout
            return Result { () throws(KafkaError) in try pollNow(max: max, timeout: timeout) }
        } onCancel: {
            wakeUp.wake()
        }
        return try answer.get()
    }

    /// Begins to fetch the partitions of the last `.assigned`, each from its position.
    ///
    /// - Parameter positions: the offset of the next record to read, or `beginning`. Partitions that aren't
    ///   this member's any more are left out.
    /// - Throws: `.configuration` if an assigned partition has no position, `.fatal`, `.closed`.
    package func assign(_ positions: [TopicPartition: Int64]) throws(KafkaError) {
        guard !isClosed else { throw .closed }
        let assignment = client.context.rebalances.assignment
        guard !assignment.isEmpty else { return }
        if let missing = assignment.first(where: { positions[$0] == nil }) {
            throw .configuration("no position for \(missing)")
        }
        guard let list = PartitionList.make(positions.filter { assignment.contains($0.key) }) else {
            throw .transient("out of memory")
        }
        defer { rd_kafka_topic_partition_list_destroy(list) }
        let code = rd_kafka_assign(client.pointer, list)
        guard code == RD_KAFKA_RESP_ERR_NO_ERROR else { throw error(code) }
    }

    /// Tells Kafka where this member is, for the tools that show lag.
    ///
    /// Returns at once; failures are only logged. About once a second is enough: each call is a request.
    ///
    /// - Parameter positions: the offset of the next record to read.
    package func commit(_ positions: [TopicPartition: Int64]) {
        guard !isClosed, !positions.isEmpty, let list = PartitionList.make(positions) else { return }
        defer { rd_kafka_topic_partition_list_destroy(list) }
        noteCommit(rd_kafka_commit(client.pointer, list, 1), client.context)
    }

    /// The records of each partition from a position on, as the last answer to a fetch had it; without those that nothing
    /// has been fetched from.
    ///
    /// Asks no broker and waits for nothing, not even for a poll under way.
    package nonisolated func knownLag(behind positions: [TopicPartition: Int64]) -> [TopicPartition: Int64] {
        closed.withLock { isClosed in
            guard !isClosed else { return [:] }
            return positions.reduce(into: [:]) { lag, position in
                var (low, high) = (Int64(-1), Int64(-1))
                let code = rd_kafka_get_watermark_offsets(
                    client.pointer, position.key.topic, position.key.partition, &low, &high)
                // A negative one isn't known; records before the low one are not there any more.
                guard code == RD_KAFKA_RESP_ERR_NO_ERROR, high >= 0 else { return }
                lag[position.key] =
                    PartitionLag(committed: position.value, beginning: low, end: high).records
            }
        }
    }

    /// Asks a broker whether a topic is there.
    ///
    /// - Throws: `.unknownTopic` if it isn't; `.transient` or another while a broker can't say; `.timedOut`, `.closed`.
    package func find(topic: String, timeout: Duration) throws(KafkaError) {
        guard !isClosed else { throw .closed }
        guard let handle = rd_kafka_topic_new(client.pointer, topic, nil) else { throw .unknownTopic(topic) }
        defer { rd_kafka_topic_destroy(handle) }
        let found = try Metadata.read(client, topics: .one(SharedPointer(pointer: handle)), timeout: timeout)
        if !found.contains(where: { $0.name == topic }) { throw .unknownTopic(topic) }
    }

    /// The offset of the oldest record that each partition still has, by its leader.
    ///
    /// - Throws: see `endOffsets`.
    package func beginningOffsets(
        of partitions: [TopicPartition], timeout: Duration
    ) throws(KafkaError) -> [TopicPartition: Int64] {
        guard !isClosed else { throw .closed }
        return try AdminOffsets.limits(.beginning, partitions, client, timeout)
    }

    /// The offset that the next record of each partition will have, by its leader.
    ///
    /// - Throws: `.timedOut`, or what a leader answered: one that can't say is enough. `.closed`.
    package func endOffsets(
        of partitions: [TopicPartition], timeout: Duration
    ) throws(KafkaError) -> [TopicPartition: Int64] {
        guard !isClosed else { throw .closed }
        return try AdminOffsets.limits(.end, partitions, client, timeout)
    }

    /// The id of the cluster, which says whether durable offsets belong to it.
    ///
    /// - Throws: `.timedOut` when no broker answers; try again.
    package func clusterID(timeout: Duration) throws(KafkaError) -> String {
        guard !isClosed else { throw .closed }
        return try client.clusterID(timeout: timeout)
    }

    /// Leaves the group and ends the client; a poll under way ends at once.
    ///
    /// A member with an instance id keeps its partitions until it comes back or its session times out.
    package nonisolated func close() async {
        wakeUp.beginClosing()
        await leave()
    }
}

extension KafkaConsumer {
    /// The position of the oldest record that a partition still has.
    package static let beginning = Int64(RD_KAFKA_OFFSET_BEGINNING)

    private var isClosed: Bool { closed.withLock { $0 } }

    private func leave() async {
        guard !isClosed else { return }
        closed.withLock { $0 = true }
        // librdkafka 2.0.2 puts a subscription off until what was assigned before has been given back, and carries it out
        // even when it is closing by then, which ends the process: `assert: !rkcg->rkcg_subscription`.
        if isRenewing { rd_kafka_unsubscribe(client.pointer) }
        rd_kafka_consumer_close(client.pointer)
        for handle in handles { rd_kafka_topic_destroy(handle) }
        wakeUp.retire()
        await client.end()
    }

    private func pollNow(max: Int, timeout: Duration) throws(KafkaError) -> Poll {
        guard !isClosed, !wakeUp.isClosing else { throw .closed }
        if let event = nextEvent() { return event }
        if let error = pendingError.take() { throw error }
        try renewIfDue()
        let deadline = ContinuousClock.now + timeout
        var records: [KafkaRecord] = []
        var bytes = 0
        while records.count < max, bytes < bytesMax {
            // Only the first record is waited for.
            let wait = records.isEmpty ? (deadline - .now).milliseconds : 0
            guard let message = rd_kafka_consumer_poll(client.pointer, wait) else { break }
            defer { rd_kafka_message_destroy(message) }
            // What was taken before a rebalance may be another member's by now, and comes again if it isn't.
            if let event = nextEvent() { return event }
            guard message.pointee.err == RD_KAFKA_RESP_ERR_NO_ERROR else {
                guard let error = failure(message.pointee) else { continue }
                guard records.isEmpty else {
                    pendingError = error
                    break
                }
                throw error
            }
            bytes += message.pointee.len + message.pointee.key_len
            records.append(reader.record(message))
        }
        return nextEvent() ?? .records(records)
    }

    private func nextEvent() -> Poll? {
        switch client.context.rebalances.next() {
        case .assigned(let partitions):
            isRenewing = false
            let isComplete = Set(partitions.map(\.topic)).isSuperset(of: topics)
            renewal = isComplete || renewals == 3 ? nil : .now + .seconds(3 << renewals)
            return .assigned(partitions)
        case .revoked(let partitions):
            renewal = nil
            return .revoked(partitions)
        case nil: return nil
        }
    }

    private func renewIfDue() throws(KafkaError) {
        guard let due = renewal, due < .now else { return }
        renewal = nil
        renewals += 1
        isRenewing = true
        client.context.logger.info("joining the group anew, since this member has nothing of some topic")
        // A member with an instance id leaves the group by this, too.
        rd_kafka_unsubscribe(client.pointer)
        try subscribe(client, topics)
    }

    /// - Returns: nil for what passes by itself.
    private func failure(_ message: rd_kafka_message_t) -> KafkaError? {
        let topic = message.rkt == nil ? nil : reader.topicName(message)
        if message.err == RD_KAFKA_RESP_ERR__AUTO_OFFSET_RESET, let topic {
            let partition = TopicPartition(topic: topic, partition: message.partition)
            return .offsetOutOfRange(partition, offset: message.offset)
        }
        let detail = message.payload.map { String(cString: $0.assumingMemoryBound(to: CChar.self)) }
        switch error(message.err, topic: topic, detail: detail) {
        case .fatal, .authorization, .unknownTopic, .configuration, .closed, .recordTooLarge,
            .offsetOutOfRange:
            return error(message.err, topic: topic, detail: detail)
        case .transient, .queueFull, .timedOut, .other:
            client.context.note(message.err, detail ?? "")
            return nil
        }
    }

    private func error(_ code: rd_kafka_resp_err_t, topic: String? = nil, detail: String? = nil) -> KafkaError
    {
        if let error = client.fatalError { return error }
        return KafkaError(code: code, topic: topic, detail: detail)
    }
}

private func subscribe(_ client: ClientHandle, _ topics: [String]) throws(KafkaError) {
    let partitions = topics.map { (TopicPartition(topic: $0, partition: RD_KAFKA_PARTITION_UA), Int64(0)) }
    guard let list = PartitionList.make(partitions) else { throw .configuration("out of memory") }
    defer { rd_kafka_topic_partition_list_destroy(list) }
    let code = rd_kafka_subscribe(client.pointer, list)
    guard code == RD_KAFKA_RESP_ERR_NO_ERROR else { throw KafkaError(code: code) }
}

private func setCallbacks(_ configuration: OpaquePointer) {
    rd_kafka_conf_set_rebalance_cb(configuration) { client, code, partitions, opaque in
        guard let client, let context = ClientContext.of(opaque) else { return }
        rebalance(client, code, partitions, context)
    }
    noteErrors(configuration)
    rd_kafka_conf_set_offset_commit_cb(configuration) { _, code, _, opaque in
        guard let context = ClientContext.of(opaque) else { return }
        noteCommit(code, context)
    }
}

private func noteCommit(_ code: rd_kafka_resp_err_t, _ context: ClientContext) {
    guard code != RD_KAFKA_RESP_ERR_NO_ERROR, code != RD_KAFKA_RESP_ERR__NO_OFFSET else { return }
    context.logger.debug(
        "offsets not copied to kafka", metadata: [LogKey.error: String(cString: rd_kafka_err2str(code))])
}
