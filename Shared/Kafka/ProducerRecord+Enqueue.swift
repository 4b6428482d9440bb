import CRDKafka

extension ProducerRecord {
    /// Queues the record in librdkafka, which copies all of it; doesn't block.
    ///
    /// - Parameters:
    ///   - client: the producer.
    ///   - topicHandle: of the record's topic.
    ///   - slot: comes back with the delivery report; not, if this throws.
    /// - Throws: why the record was refused at once.
    func enqueue(
        client: OpaquePointer, topicHandle: OpaquePointer, slot: UnsafeMutableRawPointer?
    ) throws(KafkaError) {
        let headers = nativeHeaders()
        let code = withBytes(key) { key in
            withBytes(value) { value in
                shim_produce(
                    client, topicHandle, partition ?? RD_KAFKA_PARTITION_UA, key.baseAddress, key.count,
                    value.baseAddress, value.count, headers, slot)
            }
        }
        guard code != RD_KAFKA_RESP_ERR_NO_ERROR else { return }
        if let headers { rd_kafka_headers_destroy(headers) }
        throw KafkaError(code: code, topic: self.topic)
    }

    private func nativeHeaders() -> OpaquePointer? {
        guard !headers.isEmpty, let list = rd_kafka_headers_new(headers.count) else { return nil }
        for (var name, var value) in headers {
            name.withUTF8 { name in
                value.withUTF8 { value in
                    name.withMemoryRebound(to: CChar.self) { name in
                        // An empty value needs an address all the same, or it becomes null.
                        _ = rd_kafka_header_add(
                            list, name.baseAddress, name.count,
                            UnsafeRawPointer(value.baseAddress) ?? emptyBytes,
                            value.count)
                    }
                }
            }
        }
        return list
    }
}

/// Gives C an address for present but empty bytes, and none for absent ones, which Kafka tells apart.
private func withBytes<Result>(_ bytes: [UInt8]?, _ body: (UnsafeRawBufferPointer) -> Result) -> Result {
    guard let bytes else { return body(UnsafeRawBufferPointer(start: nil, count: 0)) }
    guard !bytes.isEmpty else { return body(UnsafeRawBufferPointer(start: emptyBytes, count: 0)) }
    return bytes.withUnsafeBytes(body)
}

// Never written, never freed.
private nonisolated(unsafe) let emptyBytes = UnsafeRawPointer(
    UnsafeMutableRawPointer.allocate(byteCount: 1, alignment: 1))
