/// A partition of a topic.
package struct TopicPartition: Hashable, Sendable, Comparable, CustomStringConvertible {
    package let topic: String
    package let partition: Int32

    package init(topic: String, partition: Int32) {
        self.topic = topic
        self.partition = partition
    }

    package var description: String { "\(topic)-\(partition)" }

    package static func < (left: TopicPartition, right: TopicPartition) -> Bool {
        (left.topic, left.partition) < (right.topic, right.partition)
    }
}

/// A record as it was read.
///
/// All of it is a copy, so it may be kept.
package struct KafkaRecord: Sendable {
    package let topic: String
    package let partition: Int32
    package let offset: Int64
    /// Milliseconds since 1970, from the producer or the broker as the topic is configured; -1 when there is
    /// none.
    package let timestamp: Int64
    package let key: [UInt8]?
    /// `nil` marks the key as deleted in a compacted topic.
    package let value: [UInt8]?
    package let headers: KafkaHeaders

    package init(
        topic: String, partition: Int32, offset: Int64, timestamp: Int64, key: [UInt8]?, value: [UInt8]?,
        headers: [(name: String, value: [UInt8])]
    ) {
        self.init(
            topic: topic, partition: partition, offset: offset, timestamp: timestamp, key: key, value: value,
            headers: KafkaHeaders(headers))
    }

    init(
        topic: String, partition: Int32, offset: Int64, timestamp: Int64, key: [UInt8]?, value: [UInt8]?,
        headers: KafkaHeaders
    ) {
        self.topic = topic
        self.partition = partition
        self.offset = offset
        self.timestamp = timestamp
        self.key = key
        self.value = value
        self.headers = headers
    }

    package var topicPartition: TopicPartition { TopicPartition(topic: topic, partition: partition) }
}

/// A record to be written.
package struct ProducerRecord: Sendable {
    package var topic: String
    /// Records with the same key keep their order.
    ///
    /// `nil` goes to any partition; an empty key is a mistake,
    /// since clients differ in where they send it.
    package var key: [UInt8]?
    /// `nil` marks the key as deleted in a compacted topic.
    package var value: [UInt8]?
    package var headers: [(name: String, value: String)]
    /// `nil`: by the key, with the same hash as Java's clients.
    package var partition: Int32?

    package init(
        topic: String, key: [UInt8]?, value: [UInt8]?, headers: [(name: String, value: String)] = [],
        partition: Int32? = nil
    ) {
        self.topic = topic
        self.key = key
        self.value = value
        self.headers = headers
        self.partition = partition
    }

    package init(
        topic: String, key: String, value: [UInt8]?, headers: [(name: String, value: String)] = [],
        partition: Int32? = nil
    ) {
        self.init(topic: topic, key: Array(key.utf8), value: value, headers: headers, partition: partition)
    }
}

/// Where a record was written.
package struct Delivery: Hashable, Sendable {
    package let partition: Int32
    package let offset: Int64

    package init(partition: Int32, offset: Int64) {
        self.partition = partition
        self.offset = offset
    }
}
