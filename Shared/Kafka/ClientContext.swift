import CRDKafka
import Observability
import Synchronization

/// What the callbacks of one librdkafka client share: the opaque pointer of its configuration.
///
/// Callbacks come from any thread of the library, so everything in here is immutable or behind a mutex.
final class ClientContext: Sendable {
    let logger: Logger
    let rebalances = RebalanceInbox()
    private let lastWarnings = Mutex<[Int32: ContinuousClock.Instant]>([:])

    /// A broker that stays away reports the same error at every attempt; one line a minute says as much.
    private static let repeatInterval = Duration.seconds(60)

    init(logger: Logger, clientID: String) {
        var logger = logger
        logger[metadataKey: LogKey.kafkaClient] = clientID
        self.logger = logger
    }

    static func of(_ opaque: UnsafeMutableRawPointer?) -> ClientContext? {
        opaque.map { Unmanaged<ClientContext>.fromOpaque($0).takeUnretainedValue() }
    }

    /// Logs an error that passes by itself; only its first occurrence is a warning.
    func note(_ code: rd_kafka_resp_err_t, _ reason: String) {
        let now = ContinuousClock.now
        let isRepeated = lastWarnings.withLock { warnings in
            if let last = warnings[code.rawValue], now - last < Self.repeatInterval { return true }
            warnings[code.rawValue] = now
            return false
        }
        logger.log(
            level: isRepeated ? .debug : .warning, "kafka client error", metadata: [LogKey.error: reason])
    }

    /// Passes on a line of librdkafka's own log, which would go to stderr otherwise.
    func log(syslogLevel: Int32, facility: String, _ line: String) {
        // FAIL and ERROR come to `note` as well; REQTMOUT and GETPID repeat while a broker is away; AUTOCREATE and
        // CONFWARN say of a setting that it does nothing here.
        let isNoise = ["FAIL", "ERROR", "REQTMOUT", "GETPID", "AUTOCREATE", "CONFWARN"].contains(facility)
        let level: Logger.Level =
            switch syslogLevel {
            case _ where isNoise: .debug
            case ...3: .warning
            case 4: .notice
            case 5: .info
            case 6: .debug
            default: .trace
            }
        logger.log(level: level, "librdkafka", metadata: ["kafka.facility": facility, LogKey.error: line])
    }
}

/// Has `ClientContext.note` hear of a client's errors; to be set before the client is made.
func noteErrors(_ configuration: OpaquePointer) {
    rd_kafka_conf_set_error_cb(configuration) { _, code, reason, opaque in
        let error = rd_kafka_resp_err_t(code)
        ClientContext.of(opaque)?.note(error, reason.map { String(cString: $0) } ?? "")
    }
}
