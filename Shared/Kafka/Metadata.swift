import CRDKafka

/// A topic as the cluster describes it.
package struct TopicMetadata: Hashable, Sendable {
    package let name: String
    package let partitions: Int32

    package init(name: String, partitions: Int32) {
        self.name = name
        self.partitions = partitions
    }
}

enum Metadata {
    enum Scope {
        case all
        case one(SharedPointer)
        /// Those that this client uses already, which may be none.
        case known
    }

    /// Asks a broker for topics; blocks up to the timeout.
    static func read(
        _ client: ClientHandle, topics scope: Scope, timeout: Duration
    ) throws(KafkaError) -> [TopicMetadata] {
        var answer: UnsafePointer<rd_kafka_metadata>?
        let (all, one): (Int32, OpaquePointer?) =
            switch scope {
            case .all: (1, nil)
            case .one(let topic): (0, topic.pointer)
            case .known: (0, nil)
            }
        let code = rd_kafka_metadata(client.pointer, all, one, &answer, timeout.milliseconds)
        guard code == RD_KAFKA_RESP_ERR_NO_ERROR, let answer else { throw KafkaError(code: code) }
        defer { rd_kafka_metadata_destroy(answer) }
        let found = UnsafeBufferPointer(start: answer.pointee.topics, count: Int(answer.pointee.topic_cnt))
        var topics: [TopicMetadata] = []
        for one in found {
            let name = String(cString: one.topic)
            guard one.err == RD_KAFKA_RESP_ERR_NO_ERROR else { throw KafkaError(code: one.err, topic: name) }
            topics.append(TopicMetadata(name: name, partitions: one.partition_cnt))
        }
        return topics
    }
}
