import CRDKafka
import Glibc

/// Copies librdkafka's messages into records.
struct RecordReader {
    /// Names that were seen, so that a record's topic is a reference to one string instead of a new copy.
    ///
    /// By comparison rather than by the address of the topic's handle, which the library may use again for
    /// another.
    private var topics: [(name: String, bytes: ContiguousArray<CChar>)] = []
    private var latest = 0

    /// Copies a message.
    ///
    /// The address has to be the one that librdkafka gave: behind the structure are fields of its own.
    mutating func record(_ message: UnsafePointer<rd_kafka_message_t>) -> KafkaRecord {
        let fields = message.pointee
        return KafkaRecord(
            topic: topicName(fields), partition: fields.partition, offset: fields.offset,
            timestamp: rd_kafka_message_timestamp(message, nil), key: bytes(fields.key, fields.key_len),
            value: bytes(fields.payload, fields.len), headers: headers(message))
    }

    mutating func topicName(_ message: rd_kafka_message_t) -> String {
        guard let handle = message.rkt, let name = rd_kafka_topic_name(handle) else { return "" }
        if latest < topics.count, isSame(name, topics[latest]) { return topics[latest].name }
        if let index = topics.firstIndex(where: { isSame(name, $0) }) {
            latest = index
            return topics[index].name
        }
        let text = String(cString: name)
        latest = topics.count
        topics.append((text, text.utf8CString))
        return text
    }

    private func isSame(_ name: UnsafePointer<CChar>, _ topic: (name: String, bytes: ContiguousArray<CChar>))
        -> Bool
    {
        for (index, byte) in topic.bytes.enumerated() where name[index] != byte { return false }
        return true
    }
}

private func bytes(_ address: UnsafeRawPointer?, _ count: Int) -> [UInt8]? {
    guard let address else { return nil }
    return Array(UnsafeRawBufferPointer(start: address, count: count))
}

private func headers(_ message: UnsafePointer<rd_kafka_message_t>) -> KafkaHeaders {
    var list: OpaquePointer?
    let code = rd_kafka_message_headers(message, &list)
    guard code == RD_KAFKA_RESP_ERR_NO_ERROR, let list else { return KafkaHeaders(count: 0) }
    let count = rd_kafka_header_cnt(list)
    var headers = KafkaHeaders(count: count)
    for index in 0..<count {
        var name: UnsafePointer<CChar>?
        var value: UnsafeRawPointer?
        var size = 0
        rd_kafka_header_get_all(list, index, &name, &value, &size)
        guard let name else { continue }
        headers.append(
            UnsafeRawBufferPointer(start: name, count: strlen(name)),
            UnsafeRawBufferPointer(start: value, count: value == nil ? 0 : size))
    }
    return headers
}
