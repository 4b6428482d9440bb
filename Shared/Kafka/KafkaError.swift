import CRDKafka

/// What went wrong, told by what the caller can do about it.
package enum KafkaError: Error, Hashable, Sendable {
    /// This client is finished: close it, make a new one, and go on from the durable cursor or offsets.
    case fatal(String)
    /// Passes by itself: try again after a pause.
    case transient(String)
    /// The cluster doesn't let this client in, or not do this. A person has to act; stop.
    case authorization(String)
    /// The topic doesn't exist. `shop setup` makes the topics; stop.
    case unknownTopic(String)
    /// A record is larger than the topic allows; the record will never be taken.
    case recordTooLarge(String)
    /// Too much is waiting for acknowledgement; try again after a pause.
    case queueFull
    /// No answer within the time the caller gave; try again.
    case timedOut
    /// The client was closed, by this process.
    case closed
    /// The position doesn't exist in the partition, which stands still until another is assigned.
    ///
    /// Where the partition begins behind the position, records were deleted before they were read: a loss, and what to do
    /// about it is a person's decision. Else it is shorter than it was, and may be read again from its beginning.
    case offsetOutOfRange(TopicPartition, offset: Int64)
    /// A setting that librdkafka refuses; stop.
    case configuration(String)
    /// Anything else, with librdkafka's number for it.
    case other(code: Int32, String)

    /// Whether the same call on the same client may succeed later.
    package var isRetriable: Bool {
        switch self {
        case .transient, .queueFull, .timedOut: true
        case .fatal, .authorization, .unknownTopic, .recordTooLarge, .closed, .offsetOutOfRange,
            .configuration,
            .other:
            false
        }
    }
}

extension KafkaError: CustomStringConvertible {
    package var description: String {
        switch self {
        case .fatal(let reason): "fatal: \(reason)"
        case .transient(let reason): reason
        case .authorization(let reason): "not authorized: \(reason)"
        case .unknownTopic(let topic): "unknown topic: \(topic)"
        case .recordTooLarge(let topic): "a record is too large for \(topic)"
        case .queueFull: "too many records wait for acknowledgement"
        case .timedOut: "timed out"
        case .closed: "closed"
        case .offsetOutOfRange(let partition, let offset): "offset \(offset) is out of range in \(partition)"
        case .configuration(let reason): "configuration: \(reason)"
        case .other(let code, let reason): "\(reason) (\(code))"
        }
    }
}

extension KafkaError {
    /// - Parameters:
    ///   - code: what librdkafka or a broker said.
    ///   - topic: the topic it is about, when there is one.
    ///   - detail: librdkafka's words, if it has more to say than the name of the code.
    init(code: rd_kafka_resp_err_t, topic: String? = nil, detail: String? = nil) {
        let reason = detail ?? String(cString: rd_kafka_err2str(code))
        switch code {
        case RD_KAFKA_RESP_ERR__FATAL, RD_KAFKA_RESP_ERR__FENCED, RD_KAFKA_RESP_ERR_FENCED_INSTANCE_ID:
            self = .fatal(reason)
        // Where a checksum is wrong, librdkafka goes on behind the records, which would be passed over.
        case RD_KAFKA_RESP_ERR__BAD_MSG:
            self = .fatal(reason)
        case RD_KAFKA_RESP_ERR__UNKNOWN_TOPIC, RD_KAFKA_RESP_ERR_UNKNOWN_TOPIC_OR_PART,
            RD_KAFKA_RESP_ERR__UNKNOWN_PARTITION, RD_KAFKA_RESP_ERR_TOPIC_EXCEPTION:
            self = .unknownTopic(topic ?? reason)
        case RD_KAFKA_RESP_ERR_MSG_SIZE_TOO_LARGE, RD_KAFKA_RESP_ERR_RECORD_LIST_TOO_LARGE:
            self = .recordTooLarge(topic ?? reason)
        case RD_KAFKA_RESP_ERR__QUEUE_FULL:
            self = .queueFull
        case RD_KAFKA_RESP_ERR__TIMED_OUT, RD_KAFKA_RESP_ERR__MSG_TIMED_OUT,
            RD_KAFKA_RESP_ERR__TIMED_OUT_QUEUE:
            self = .timedOut
        case RD_KAFKA_RESP_ERR__PURGE_QUEUE, RD_KAFKA_RESP_ERR__PURGE_INFLIGHT, RD_KAFKA_RESP_ERR__DESTROY:
            self = .closed
        case RD_KAFKA_RESP_ERR__INVALID_ARG:
            self = .configuration(reason)
        default:
            self = Self.byKind(code, topic, reason)
        }
    }

    private static func byKind(_ code: rd_kafka_resp_err_t, _ topic: String?, _ reason: String) -> KafkaError
    {
        if authorizationCodes.contains(code.rawValue) {
            guard let topic, !reason.contains(topic) else { return .authorization(reason) }
            return .authorization("\(topic): \(reason)")
        }
        if transientCodes.contains(code.rawValue) { return .transient(reason) }
        return .other(code: code.rawValue, reason)
    }

    private static let authorizationCodes: Set<Int32> = Set(
        [
            RD_KAFKA_RESP_ERR__AUTHENTICATION, RD_KAFKA_RESP_ERR_TOPIC_AUTHORIZATION_FAILED,
            RD_KAFKA_RESP_ERR_GROUP_AUTHORIZATION_FAILED, RD_KAFKA_RESP_ERR_CLUSTER_AUTHORIZATION_FAILED,
            RD_KAFKA_RESP_ERR_SASL_AUTHENTICATION_FAILED, RD_KAFKA_RESP_ERR_UNSUPPORTED_SASL_MECHANISM,
        ].map(\.rawValue))

    private static let transientCodes: Set<Int32> = Set(
        [
            RD_KAFKA_RESP_ERR__TRANSPORT, RD_KAFKA_RESP_ERR__ALL_BROKERS_DOWN, RD_KAFKA_RESP_ERR__RESOLVE,
            RD_KAFKA_RESP_ERR__SSL, RD_KAFKA_RESP_ERR__WAIT_COORD, RD_KAFKA_RESP_ERR__WAIT_CACHE,
            RD_KAFKA_RESP_ERR__RETRY, RD_KAFKA_RESP_ERR__MAX_POLL_EXCEEDED,
            RD_KAFKA_RESP_ERR__NODE_UPDATE, RD_KAFKA_RESP_ERR__NO_OFFSET, RD_KAFKA_RESP_ERR__ASSIGNMENT_LOST,
            RD_KAFKA_RESP_ERR__STATE, RD_KAFKA_RESP_ERR__IN_PROGRESS,
            RD_KAFKA_RESP_ERR_LEADER_NOT_AVAILABLE, RD_KAFKA_RESP_ERR_NOT_LEADER_FOR_PARTITION,
            RD_KAFKA_RESP_ERR_REQUEST_TIMED_OUT, RD_KAFKA_RESP_ERR_BROKER_NOT_AVAILABLE,
            RD_KAFKA_RESP_ERR_REPLICA_NOT_AVAILABLE, RD_KAFKA_RESP_ERR_NETWORK_EXCEPTION,
            RD_KAFKA_RESP_ERR_COORDINATOR_LOAD_IN_PROGRESS, RD_KAFKA_RESP_ERR_COORDINATOR_NOT_AVAILABLE,
            RD_KAFKA_RESP_ERR_NOT_COORDINATOR, RD_KAFKA_RESP_ERR_NOT_ENOUGH_REPLICAS,
            RD_KAFKA_RESP_ERR_NOT_ENOUGH_REPLICAS_AFTER_APPEND, RD_KAFKA_RESP_ERR_ILLEGAL_GENERATION,
            RD_KAFKA_RESP_ERR_UNKNOWN_MEMBER_ID, RD_KAFKA_RESP_ERR_REBALANCE_IN_PROGRESS,
            RD_KAFKA_RESP_ERR_NOT_CONTROLLER, RD_KAFKA_RESP_ERR_KAFKA_STORAGE_ERROR,
            RD_KAFKA_RESP_ERR_FENCED_LEADER_EPOCH, RD_KAFKA_RESP_ERR_UNKNOWN_LEADER_EPOCH,
            RD_KAFKA_RESP_ERR_OFFSET_NOT_AVAILABLE, RD_KAFKA_RESP_ERR_THROTTLING_QUOTA_EXCEEDED,
        ].map(\.rawValue))
}
