import CRDKafka
package import Observability
import Synchronization

/// Writes records in batches: in order per key, without duplicates from its own retries.
///
/// Two producers, or one that was rebuilt and repeats a batch, do make duplicates: consumers have to tolerate
/// them. Close it explicitly; a producer that is merely dropped leaks its threads.
package final class KafkaProducer: Sendable {
    private struct State {
        var isClosed = false
        var topics: [String: OpaquePointer] = [:]
        /// How many partitions each topic has, as far as `prepare` was told.
        var widths: [String: Int32] = [:]
        /// Partitions that have acknowledged a record of this producer.
        var opened: Set<TopicPartition> = []
        /// Batches whose senders wait.
        var batches: [ObjectIdentifier: DeliveryBatch] = [:]
    }

    /// How many records may wait for acknowledgement; a `send` that would exceed it is refused whole.
    package static let recordsInFlightMax = 50_000

    private let client: ClientHandle
    private let blockingCalls: BlockingCalls
    private let recordsInFlight = Atomic(0)
    // Held while records are queued, a microsecond each: two sends don't interleave, and `close` waits for
    // them.
    private let state = Mutex(State())

    /// Starts the client.
    ///
    /// Doesn't wait for a broker to be there.
    ///
    /// - Throws: `KafkaError.configuration` for a setting that doesn't exist or can't be; stop. `.other` when the system has
    ///   no room for a thread; try again after a pause.
    package init(configuration: KafkaConfiguration, logger: Logger) throws(KafkaError) {
        blockingCalls = try BlockingCalls(name: "kafka-blocking")
        client = try ClientHandle(
            type: RD_KAFKA_PRODUCER, settings: ClientSettings.producer(configuration),
            context: ClientContext(logger: logger, clientID: configuration.clientID)
        ) { settings in
            rd_kafka_conf_set_events(settings, RD_KAFKA_EVENT_DR | RD_KAFKA_EVENT_ERROR)
            rd_kafka_conf_set_background_event_cb(settings) { client, event, opaque in
                guard let client, let event else { return }
                handleEvent(event, of: client, ClientContext.of(opaque))
                rd_kafka_event_destroy(event)
            }
        }
        // Delivery reports go to a thread of the library's own instead of one of ours that would poll for
        // them.
        let main = rd_kafka_queue_get_main(client.pointer)
        let background = rd_kafka_queue_get_background(client.pointer)
        rd_kafka_queue_forward(main, background)
        rd_kafka_queue_destroy(background)
        rd_kafka_queue_destroy(main)
    }

    /// Writes a batch and waits until every record of it is acknowledged by all replicas in sync, or has
    /// failed.
    ///
    /// Can't be cancelled, since a record can't be unsent, and waits as long as the brokers are away; `close`
    /// ends the wait. Records of one key keep their order, also across batches sent one after the other.
    ///
    /// - Returns: where each record went, in the order of `records`.
    /// - Throws: the error of the first record that failed. Others of the batch may have been written: repeat
    ///   all of it. `.fatal`: with a new producer. `.closed`: not known which were written.
    package func send(_ records: [ProducerRecord]) async throws(KafkaError) -> [Delivery] {
        let first = state.withLock { firstRecords(of: records, $0) }
        guard !first.isEmpty else { return try await deliver(records) }
        var deliveries = [Delivery](repeating: Delivery(partition: -1, offset: -1), count: records.count)
        let rest = records.indices.filter { !first.contains($0) }
        for indices in [first.sorted(), rest] {
            let part = try await deliver(indices.map { records[$0] })
            for (index, delivery) in zip(indices, part) { deliveries[index] = delivery }
            state.withLock { state in
                for index in indices where first.contains(index) {
                    let partition = deliveries[index].partition
                    state.opened.insert(TopicPartition(topic: records[index].topic, partition: partition))
                }
            }
        }
        return deliveries
    }

    private func deliver(_ records: [ProducerRecord]) async throws(KafkaError) -> [Delivery] {
        guard !records.isEmpty else { return [] }
        let inFlight = recordsInFlight.add(records.count, ordering: .relaxed).newValue
        defer { recordsInFlight.subtract(records.count, ordering: .relaxed) }
        guard inFlight <= Self.recordsInFlightMax else { throw .queueFull }
        let batch = DeliveryBatch(count: records.count)
        let answer = await batch.answer { enqueue(records, batch) }
        state.withLock { _ = $0.batches.removeValue(forKey: ObjectIdentifier(batch)) }
        return try answer.get()
    }

    /// The first record of each partition that has none of this producer yet: it goes alone.
    ///
    /// Of a producer that it does not know, a broker takes whatever number comes first. Were two batches in flight, and
    /// the first refused because the partition has only just been made, the second would be written in its place.
    private func firstRecords(of records: [ProducerRecord], _ state: State) -> Set<Int> {
        let known = state.widths.values.reduce(0) { $0 + Int($1) }
        if known > 0, state.opened.count >= known { return [] }
        var seen: Set<TopicPartition> = []
        var first: Set<Int> = []
        for (index, record) in records.enumerated() {
            guard let partition = partition(of: record, state), !state.opened.contains(partition) else {
                continue
            }
            if seen.insert(partition).inserted { first.insert(index) }
        }
        return first
    }

    /// Where the library will put a record; nil where it is not known how many partitions there are.
    private func partition(of record: ProducerRecord, _ state: State) -> TopicPartition? {
        if let partition = record.partition {
            return TopicPartition(topic: record.topic, partition: partition)
        }
        guard let width = state.widths[record.topic], let key = record.key, !key.isEmpty else { return nil }
        return TopicPartition(topic: record.topic, key: key, partitions: width)
    }

    /// Learns where the topics' partitions are, so that the first record doesn't wait for it, up to a second.
    ///
    /// - Throws: `.unknownTopic`, `.authorization`: stop. `.timedOut`, `.transient`: no broker answered; try
    ///   again.
    package func prepare(topics: [String], timeout: Duration) async throws(KafkaError) {
        let deadline = ContinuousClock.now + timeout
        for topic in topics {
            try await blockingCalls.run { [self] () throws(KafkaError) in
                let handle = try topicHandle(topic)
                let found = try Metadata.read(client, topics: .one(handle), timeout: deadline - .now)
                state.withLock { state in
                    for topic in found where topic.partitions > 0 {
                        state.widths[topic.name] = topic.partitions
                    }
                }
            }
        }
    }

    /// The id of the cluster as its last answer about topics had it, which says whether a durable cursor belongs to it.
    ///
    /// - Throws: `.timedOut` when no broker answers; try again.
    package func clusterID(timeout: Duration) async throws(KafkaError) -> String {
        // Asked for with every window, and nearly always known: a thread that may block costs two more switches. Under
        // the lock, since `close` ends the client once it has had it.
        if let known = state.withLock({ $0.isClosed ? nil : client.knownClusterID }) { return known }
        return try await blockingCalls.run { [self] () throws(KafkaError) in
            guard !state.withLock(\.isClosed) else { throw .closed }
            return try client.clusterID(timeout: timeout)
        }
    }

    /// Waits for outstanding acknowledgements, fails what has none by then with `.closed`, and ends the
    /// client.
    ///
    /// - Parameter timeout: how long to wait; closing takes at most four seconds longer.
    package func close(timeout: Duration) async {
        let topics = state.withLock { state -> [SharedPointer]? in
            guard !state.isClosed else { return nil }
            state.isClosed = true
            return state.topics.values.map(SharedPointer.init)
        }
        guard let topics else { return }
        _ = try? await blockingCalls.run { [client] () throws(KafkaError) in
            if rd_kafka_flush(client.pointer, timeout.milliseconds) != RD_KAFKA_RESP_ERR_NO_ERROR {
                rd_kafka_purge(client.pointer, RD_KAFKA_PURGE_F_QUEUE | RD_KAFKA_PURGE_F_INFLIGHT)
                rd_kafka_flush(client.pointer, 1000)
            }
            for topic in topics { rd_kafka_topic_destroy(topic.pointer) }
        }
        await client.end()
        // Reports may have come too late for the library, where a line of the log held its thread up.
        for batch in state.withLock({ Array($0.batches.values) }) { batch.abandon() }
    }

    private func enqueue(_ records: [ProducerRecord], _ batch: DeliveryBatch) {
        state.withLock { state in
            guard !state.isClosed else { return batch.refuse(from: 0, .closed) }
            state.batches[ObjectIdentifier(batch)] = batch
            var topic: (name: String, handle: OpaquePointer)?
            for (index, record) in records.enumerated() {
                do throws(KafkaError) {
                    if topic?.name != record.topic {
                        topic = (record.topic, try handle(of: record.topic, &state))
                    }
                    guard let topic else { continue }
                    try record.enqueue(
                        client: client.pointer, topicHandle: topic.handle,
                        slot: batch.slots.baseAddress.map { $0 + index })
                } catch {
                    return batch.refuse(from: index, client.fatalError ?? error)
                }
            }
        }
    }

    private func topicHandle(_ name: String) throws(KafkaError) -> SharedPointer {
        try state.withLock { state throws(KafkaError) in
            guard !state.isClosed else { throw .closed }
            return SharedPointer(pointer: try handle(of: name, &state))
        }
    }

    private func handle(of name: String, _ state: inout State) throws(KafkaError) -> OpaquePointer {
        if let handle = state.topics[name] { return handle }
        guard let handle = rd_kafka_topic_new(client.pointer, name, nil) else {
            throw KafkaError(code: rd_kafka_last_error(), topic: name)
        }
        state.topics[name] = handle
        return handle
    }
}

/// Runs on librdkafka's background thread.
private func handleEvent(_ event: OpaquePointer, of client: OpaquePointer, _ context: ClientContext?) {
    switch rd_kafka_event_type(event) {
    case RD_KAFKA_EVENT_DR:
        while let message = rd_kafka_event_message_next(event)?.pointee {
            DeliveryBatch.answer(message, error: deliveryError(message, of: client))
        }
    case RD_KAFKA_EVENT_ERROR:
        let code = rd_kafka_event_error(event)
        if code == RD_KAFKA_RESP_ERR__FATAL {
            // librdkafka purges its queue but leaves what is in flight, which may wait for a broker that is
            // away.
            rd_kafka_purge(
                client, RD_KAFKA_PURGE_F_QUEUE | RD_KAFKA_PURGE_F_INFLIGHT | RD_KAFKA_PURGE_F_NON_BLOCKING)
        }
        context?.note(code, rd_kafka_event_error_string(event).map { String(cString: $0) } ?? "")
    default:
        break
    }
}

private func deliveryError(_ message: rd_kafka_message_t, of client: OpaquePointer) -> KafkaError? {
    guard message.err != RD_KAFKA_RESP_ERR_NO_ERROR else {
        // The library believes that the broker has it, since it refuses the record's number as one that is past. On a
        // partition that is new to the producer's id a broker takes whatever number comes first: where the first
        // batch fails and the second one does not, the first is nowhere.
        return message.offset >= 0
            ? nil : .transient("acknowledged without an offset: not known to be written")
    }
    let error = KafkaError(
        code: message.err, topic: message.rkt.map { String(cString: rd_kafka_topic_name($0)) })
    // It may have finished the client, too, but has more to say.
    if case .authorization = error { return error }
    return ClientHandle.fatal(of: client) ?? error
}

extension TopicPartition {
    /// Where a producer puts the records of a key, which must not be empty, in a topic of so many partitions: by the hash
    /// of Java's clients.
    package init(topic: String, key: [UInt8], partitions: Int32) {
        self.init(
            topic: topic,
            partition: rd_kafka_msg_partitioner_murmur2(nil, key, key.count, partitions, nil, nil))
    }
}
