import CRDKafka

/// One request to a cluster's controller or coordinator, and the wait for its answer.
enum AdminRequest {
    /// Sends a request, waits for its answer up to the timeout and has it read.
    ///
    /// - Parameters:
    ///   - operation: what the options are for.
    ///   - client: any kind of client.
    ///   - timeout: for the request, and for the cluster to act upon it.
    ///   - send: is given the options and the queue that the answer is to come to.
    ///   - read: is given the answer, which lives until it returns.
    /// - Returns: what `read` made of it.
    /// - Throws: the error of the whole request; those of its parts are for `read`.
    static func perform<Answer>(
        operation: rd_kafka_admin_op_t, client: ClientHandle, timeout: Duration,
        send: (_ options: OpaquePointer?, _ queue: OpaquePointer?) -> Void,
        read: (_ event: OpaquePointer) throws(KafkaError) -> Answer
    ) throws(KafkaError) -> Answer {
        let options = rd_kafka_AdminOptions_new(client.pointer, operation)
        defer { rd_kafka_AdminOptions_destroy(options) }
        var message = [CChar](repeating: 0, count: 512)
        rd_kafka_AdminOptions_set_request_timeout(options, timeout.milliseconds, &message, message.count)
        if operation != RD_KAFKA_ADMIN_OP_LISTCONSUMERGROUPOFFSETS {
            rd_kafka_AdminOptions_set_operation_timeout(
                options, timeout.milliseconds, &message, message.count)
        }
        let queue = rd_kafka_queue_new(client.pointer)
        defer { rd_kafka_queue_destroy(queue) }
        send(options, queue)
        // The request has the time-out; this is a little more, to get its own word about it.
        guard let event = rd_kafka_queue_poll(queue, timeout.milliseconds + 1000) else { throw .timedOut }
        defer { rd_kafka_event_destroy(event) }
        let code = rd_kafka_event_error(event)
        guard code == RD_KAFKA_RESP_ERR_NO_ERROR else {
            throw KafkaError(
                code: code, detail: rd_kafka_event_error_string(event).map { String(cString: $0) })
        }
        return try read(event)
    }
}

/// Making and deleting topics.
enum AdminTopics {
    struct Result {
        let topic: String
        let code: rd_kafka_resp_err_t
        let reason: String?
    }

    static func create(
        _ topics: [TopicSpecification], _ client: ClientHandle, _ timeout: Duration
    ) throws(KafkaError) -> [Result] {
        var requests: [OpaquePointer?] = []
        defer { rd_kafka_NewTopic_destroy_array(&requests, requests.count) }
        for topic in topics { requests.append(try newTopic(topic)) }
        return try AdminRequest.perform(
            operation: RD_KAFKA_ADMIN_OP_CREATETOPICS, client: client, timeout: timeout
        ) { options, queue in
            rd_kafka_CreateTopics(client.pointer, &requests, requests.count, options, queue)
        } read: { event throws(KafkaError) in
            var count = 0
            return results(
                rd_kafka_CreateTopics_result_topics(rd_kafka_event_CreateTopics_result(event), &count), count)
        }
    }

    static func delete(
        _ topic: String, _ client: ClientHandle, _ timeout: Duration
    ) throws(KafkaError) -> [Result] {
        var requests = [rd_kafka_DeleteTopic_new(topic)]
        defer { rd_kafka_DeleteTopic_destroy_array(&requests, requests.count) }
        return try AdminRequest.perform(
            operation: RD_KAFKA_ADMIN_OP_DELETETOPICS, client: client, timeout: timeout
        ) { options, queue in
            rd_kafka_DeleteTopics(client.pointer, &requests, requests.count, options, queue)
        } read: { event throws(KafkaError) in
            var count = 0
            return results(
                rd_kafka_DeleteTopics_result_topics(rd_kafka_event_DeleteTopics_result(event), &count), count)
        }
    }

    private static func newTopic(_ topic: TopicSpecification) throws(KafkaError) -> OpaquePointer {
        var message = [CChar](repeating: 0, count: 512)
        let request = rd_kafka_NewTopic_new(
            topic.name, topic.partitions, topic.replication, &message, message.count)
        guard let request else { throw .configuration(text(message)) }
        for (name, value) in topic.config { rd_kafka_NewTopic_set_config(request, name, value) }
        return request
    }

    private static func results(_ list: UnsafeMutablePointer<OpaquePointer?>?, _ count: Int) -> [Result] {
        UnsafeBufferPointer(start: list, count: count).compactMap { $0 }.map { result in
            Result(
                topic: rd_kafka_topic_result_name(result).map { String(cString: $0) } ?? "",
                code: rd_kafka_topic_result_error(result),
                reason: rd_kafka_topic_result_error_string(result).map { String(cString: $0) })
        }
    }
}

/// Reading a group's offsets and those of partitions.
enum AdminOffsets {
    /// The two times that stand for a partition's ends in a request for offsets by time.
    enum Limit: Int64 {
        case beginning = -2
        case end = -1
    }

    static func committed(
        _ group: String, _ partitions: [TopicPartition], _ client: ClientHandle, _ timeout: Duration
    ) throws(KafkaError) -> [TopicPartition: Int64] {
        guard let list = PartitionList.make(partitions.map { ($0, 0) }) else { return [:] }
        defer { rd_kafka_topic_partition_list_destroy(list) }
        var requests = [rd_kafka_ListConsumerGroupOffsets_new(group, list)]
        defer { rd_kafka_ListConsumerGroupOffsets_destroy_array(&requests, requests.count) }
        return try AdminRequest.perform(
            operation: RD_KAFKA_ADMIN_OP_LISTCONSUMERGROUPOFFSETS, client: client, timeout: timeout
        ) { options, queue in
            rd_kafka_ListConsumerGroupOffsets(client.pointer, &requests, requests.count, options, queue)
        } read: { event throws(KafkaError) in
            var count = 0
            let groups = rd_kafka_ListConsumerGroupOffsets_result_groups(
                rd_kafka_event_ListConsumerGroupOffsets_result(event), &count)
            guard count == 1, let group = groups?[0] else { return [:] }
            if let error = rd_kafka_group_result_error(group) {
                throw KafkaError(code: rd_kafka_error_code(error))
            }
            return offsets(rd_kafka_group_result_partitions(group))
        }
    }

    static func limits(
        _ limit: Limit, _ partitions: [TopicPartition], _ client: ClientHandle, _ timeout: Duration
    ) throws(KafkaError) -> [TopicPartition: Int64] {
        guard let list = PartitionList.make(partitions.map { ($0, limit.rawValue) }) else { return [:] }
        defer { rd_kafka_topic_partition_list_destroy(list) }
        let code = rd_kafka_offsets_for_times(client.pointer, list, timeout.milliseconds)
        guard code == RD_KAFKA_RESP_ERR_NO_ERROR else { throw KafkaError(code: code) }
        return offsets(list)
    }

    private static func offsets(
        _ list: UnsafePointer<rd_kafka_topic_partition_list_t>?
    ) -> [TopicPartition: Int64] {
        guard let list else { return [:] }
        var offsets: [TopicPartition: Int64] = [:]
        for element in PartitionList.elements(of: list) where element.offset >= 0 {
            offsets[element.topicPartition] = element.offset
        }
        return offsets
    }
}
