import BlockingIO
import CRDKafka
package import Observability

/// Reads partitions from where the caller says, as a member of no group: for checks, and for people who look
/// on.
///
/// One caller polls in a loop. Runs on a thread of its own, which its C calls may block. Close it explicitly;
/// a reader that is merely dropped leaks its threads.
package actor TopicReader {
    /// What a poll brings.
    package struct Batch: Sendable {
        /// In order for each partition; empty when nothing came in time.
        package var records: [KafkaRecord] = []
        /// The partitions whose end was reached just now; more may be written to them later.
        package var ended: [TopicPartition] = []
    }

    private let executor: ThreadExecutor
    private let client: ClientHandle
    private var reader = RecordReader()
    private var isClosed = false

    package nonisolated var unownedExecutor: UnownedSerialExecutor { executor.asUnownedSerialExecutor() }

    /// Doesn't wait for a broker to be there.
    ///
    /// - Throws: `.configuration` for a setting that doesn't exist or can't be.
    package init(configuration: KafkaConfiguration, logger: Logger) throws(KafkaError) {
        executor = try .start("topic-reader")
        var settings = ClientSettings.consumer(configuration, group: "topic-reader", instanceID: nil)
        settings["enable.partition.eof"] = "true"
        // What retention has deleted since the position was looked up is nothing to read.
        settings["auto.offset.reset"] = "earliest"
        // A reader that only counts takes more in a second than a service does; see `ClientSettings` for what comes of a
        // queue that holds less.
        settings["queued.min.messages"] = "200000"
        settings["queued.max.messages.kbytes"] = "65536"
        client = try ClientHandle(
            type: RD_KAFKA_CONSUMER, settings: settings,
            context: ClientContext(logger: logger, clientID: configuration.clientID), prepare: noteErrors)
        rd_kafka_poll_set_consumer(client.pointer)
    }

    /// Begins to read these partitions, and no others.
    ///
    /// - Parameter positions: the offset of the next record to read, `KafkaConsumer.beginning` or `end`.
    package func read(_ positions: [TopicPartition: Int64]) throws(KafkaError) {
        guard !isClosed else { throw .closed }
        guard let list = PartitionList.make(positions) else { throw .transient("out of memory") }
        defer { rd_kafka_topic_partition_list_destroy(list) }
        let code = rd_kafka_assign(client.pointer, list)
        guard code == RD_KAFKA_RESP_ERR_NO_ERROR else { throw KafkaError(code: code) }
    }

    /// Waits for a record and takes along whatever else has been fetched already.
    ///
    /// - Throws: `.fatal`, `.unknownTopic`, `.authorization`: stop. Brokers that are away are waited for.
    package func poll(max: Int, timeout: Duration) throws(KafkaError) -> Batch {
        guard !isClosed else { throw .closed }
        let deadline = ContinuousClock.now + timeout
        var batch = Batch()
        while batch.records.count < max {
            let isFirst = batch.records.isEmpty && batch.ended.isEmpty
            let wait = isFirst ? (deadline - .now).milliseconds : 0
            guard let message = rd_kafka_consumer_poll(client.pointer, wait) else { break }
            defer { rd_kafka_message_destroy(message) }
            switch message.pointee.err {
            case RD_KAFKA_RESP_ERR_NO_ERROR: batch.records.append(reader.record(message))
            case RD_KAFKA_RESP_ERR__PARTITION_EOF:
                batch.ended.append(
                    TopicPartition(
                        topic: reader.topicName(message.pointee), partition: message.pointee.partition))
            default: try check(message.pointee)
            }
        }
        return batch
    }

    /// Ends the client.
    package func close() {
        guard !isClosed else { return }
        isClosed = true
        rd_kafka_consumer_close(client.pointer)
        client.destroy()
    }

    private func check(_ message: rd_kafka_message_t) throws(KafkaError) {
        if let error = client.fatalError { throw error }
        let topic = message.rkt == nil ? nil : reader.topicName(message)
        let detail = message.payload.map { String(cString: $0.assumingMemoryBound(to: CChar.self)) }
        let error = KafkaError(code: message.err, topic: topic, detail: detail)
        switch error {
        case .fatal, .authorization, .unknownTopic, .configuration, .closed: throw error
        case .transient, .queueFull, .timedOut, .recordTooLarge, .offsetOutOfRange, .other:
            client.context.note(message.err, detail ?? String(cString: rd_kafka_err2str(message.err)))
        }
    }
}

extension TopicReader {
    /// The position of the record that will come next.
    package static let end = Int64(RD_KAFKA_OFFSET_END)
}
