import CRDKafka

/// A librdkafka client with the context of its callbacks.
///
/// The handle is safe to use from any thread until `destroy()`; the owner makes sure that nobody does
/// afterwards.
struct ClientHandle: Sendable {
    // Protected by librdkafka, whose client handles are thread-safe by contract.
    nonisolated(unsafe) let pointer: OpaquePointer
    let context: ClientContext

    /// Starts a client and its threads.
    ///
    /// - Parameters:
    ///   - type: producer or consumer.
    ///   - settings: of librdkafka, by their names there.
    ///   - context: kept alive until `destroy()`.
    ///   - prepare: sets callbacks on the configuration.
    /// - Throws: `.configuration` for a setting that doesn't exist or can't be.
    init(
        type: rd_kafka_type_t, settings: [String: String], context: ClientContext,
        prepare: (_ configuration: OpaquePointer) -> Void = { _ in }
    ) throws(KafkaError) {
        guard let configuration = rd_kafka_conf_new() else { throw .configuration("out of memory") }
        var message = [CChar](repeating: 0, count: 512)
        for (name, value) in settings {
            guard rd_kafka_conf_set(configuration, name, value, &message, message.count) == RD_KAFKA_CONF_OK
            else {
                rd_kafka_conf_destroy(configuration)
                throw .configuration(text(message))
            }
        }
        let opaque = Unmanaged.passRetained(context)
        rd_kafka_conf_set_opaque(configuration, opaque.toOpaque())
        rd_kafka_conf_set_log_cb(configuration) { client, level, facility, line in
            guard let client, let facility, let line else { return }
            ClientContext.of(rd_kafka_opaque(client))?
                .log(syslogLevel: level, facility: String(cString: facility), String(cString: line))
        }
        prepare(configuration)
        guard let pointer = rd_kafka_new(type, configuration, &message, message.count) else {
            rd_kafka_conf_destroy(configuration)
            opaque.release()
            throw .configuration(text(message))
        }
        self.pointer = pointer
        self.context = context
    }

    /// Ends the client.
    ///
    /// Blocks; every message, topic and queue of it must be gone by now.
    func destroy() {
        rd_kafka_destroy(pointer)
        Unmanaged.passUnretained(context).release()
    }

    /// The reason why this client is finished, or nil while it isn't.
    var fatalReason: String? {
        var message = [CChar](repeating: 0, count: 512)
        let code = rd_kafka_fatal_error(pointer, &message, message.count)
        return code == RD_KAFKA_RESP_ERR_NO_ERROR ? nil : text(message)
    }

    /// Asks a broker for the cluster's id; blocks.
    func clusterID(timeout: Duration) throws(KafkaError) -> String {
        guard let id = rd_kafka_clusterid(pointer, timeout.milliseconds) else { throw .timedOut }
        defer { rd_kafka_mem_free(pointer, id) }
        return String(cString: id)
    }
}

/// A topic, queue or mock cluster of librdkafka's.
struct SharedPointer: Sendable {
    // Protected by librdkafka, whose topics, queues and clusters are thread-safe by contract.
    nonisolated(unsafe) let pointer: OpaquePointer
}

private func text(_ buffer: [CChar]) -> String {
    String(decoding: buffer.prefix { $0 != 0 }.map { UInt8(bitPattern: $0) }, as: UTF8.self)
}

extension Duration {
    /// Rounded up, so that a short wait doesn't become none, and limited to what C takes.
    var milliseconds: Int32 {
        let (seconds, attoseconds) = components
        guard seconds < 1_000_000 else { return 1_000_000_000 }
        let milliseconds = seconds * 1000 + (attoseconds + 999_999_999_999_999) / 1_000_000_000_000_000
        return Int32(clamping: Swift.max(0, milliseconds))
    }
}
