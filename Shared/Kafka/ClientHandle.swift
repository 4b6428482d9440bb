import CRDKafka
import Observability
import Synchronization

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
    /// - Throws: `.configuration` for a setting that doesn't exist or can't be; `.other` when the system has no room for
    ///   another thread, try again after a pause.
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
            let error = KafkaError.start(rd_kafka_last_error(), text(message))
            // Where threads were made but didn't start in time, they still use both: lost rather than freed too early.
            if case .configuration = error {
                rd_kafka_conf_destroy(configuration)
                opaque.release()
            }
            throw error
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

    /// How long the library gets to end its threads.
    private static let endLimit = Duration.seconds(3)

    /// Ends the client on a thread of its own, which is left behind where the library does not come to an end.
    ///
    /// Where topics have gone, with their cluster or alone, something in it may keep a reference for ever (librdkafka
    /// issues 3954, 4131, 4362). What is lost then is a little memory and two threads; to wait would be to lose the
    /// service.
    func end() async {
        guard let calls = try? BlockingCalls(name: "kafka-destroy") else { return destroy() }
        await withCheckedContinuation { (continuation: CheckedContinuation<Void, Never>) in
            let waiter = Waiter(continuation)
            Task {
                try? await calls.run { () throws(KafkaError) in destroy() }
                waiter.end()
            }
            Task {
                try? await Task.sleep(for: Self.endLimit)
                if waiter.end() {
                    context.logger.warning("a kafka client does not end and is left behind")
                }
            }
        }
    }

    /// Why this client is finished, or nil while it isn't: `.fatal`, or `.authorization` where another client would end
    /// in the same way.
    var fatalError: KafkaError? { Self.fatal(of: pointer) }

    static func fatal(of client: OpaquePointer) -> KafkaError? {
        var message = [CChar](repeating: 0, count: 512)
        let code = rd_kafka_fatal_error(client, &message, message.count)
        guard code != RD_KAFKA_RESP_ERR_NO_ERROR else { return nil }
        let error = KafkaError(code: code, detail: text(message))
        if case .authorization = error { return error }
        return .fatal(text(message))
    }

    /// The cluster's id by its last answer about topics; blocks until there was one.
    ///
    /// Asks where there was none. A client that nobody asks anything has no connection, and when its threads start in one
    /// order rather than the other (librdkafka 2.0.2) it sits for a second before it makes one.
    func clusterID(timeout: Duration) throws(KafkaError) -> String {
        if let id = knownClusterID { return id }
        let deadline = ContinuousClock.now + timeout
        // For the connection alone: what went wrong shows in there being no id.
        _ = try? Metadata.read(self, topics: .known, timeout: timeout)
        guard let id = clusterID(within: deadline - .now) else { throw .timedOut }
        return id
    }

    /// The cluster's id where there has been an answer; doesn't block.
    var knownClusterID: String? { clusterID(within: .zero) }

    private func clusterID(within timeout: Duration) -> String? {
        guard let id = rd_kafka_clusterid(pointer, timeout.milliseconds) else { return nil }
        defer { rd_kafka_mem_free(pointer, id) }
        return String(cString: id)
    }
}

extension KafkaError {
    /// Why `rd_kafka_new` has made no client: only where it refuses an argument can another setting help.
    ///
    /// Else the system had no room for a thread, which passes. The code for that is none at all where the thread is the one
    /// for the events.
    static func start(_ code: rd_kafka_resp_err_t, _ reason: String) -> KafkaError {
        code == RD_KAFKA_RESP_ERR__INVALID_ARG ? .configuration(reason) : .other(code: code.rawValue, reason)
    }
}

/// Whoever comes first lets the one who waits go on.
private final class Waiter: Sendable {
    private let continuation: Mutex<CheckedContinuation<Void, Never>?>

    init(_ continuation: CheckedContinuation<Void, Never>) { self.continuation = Mutex(continuation) }

    /// - Returns: false where another came first.
    @discardableResult
    func end() -> Bool {
        guard let continuation = continuation.withLock({ $0.take() }) else { return false }
        continuation.resume()
        return true
    }
}

/// A topic, queue or mock cluster of librdkafka's.
struct SharedPointer: Sendable {
    // Protected by librdkafka, whose topics, queues and clusters are thread-safe by contract.
    nonisolated(unsafe) let pointer: OpaquePointer
}

/// The text that the library has left in a buffer.
func text(_ buffer: [CChar]) -> String {
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
