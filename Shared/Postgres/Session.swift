internal import BlockingIO
internal import CPostgres
internal import Observability

/// A libpq connection; it lives on its actor's thread and is used by nobody else.
///
/// It is in pipeline mode at all times but within `simple`. When a call throws anything but `.server` and
/// `.misuse` the session has been given up, and every later call throws `.closed`.
final class Session {
    /// Nil once the connection has been closed, or handed over to be cancelled.
    private(set) var handle: OpaquePointer?
    let interrupt: Interrupt
    /// What the server has prepared, by name.
    var prepared: [String: PreparedStatement] = [:]
    /// Libpq's notice receiver has an unowned pointer to it.
    private let notices: NoticeLog

    /// Takes over a connection that is ready for queries.
    init(_ handle: OpaquePointer, interrupt: Interrupt, notices: NoticeLog) {
        self.handle = handle
        self.interrupt = interrupt
        self.notices = notices
    }

    deinit { abandon() }

    var status: ConnectionStatus {
        guard let handle, PQstatus(handle) == CONNECTION_OK else { return .unusable }
        return switch PQtransactionStatus(handle) {
        case PQTRANS_IDLE: .idle
        case PQTRANS_INTRANS: .inTransaction
        case PQTRANS_INERROR: .inFailedTransaction
        default: .unusable
        }
    }

    var socket: Int32 { PQsocket(handle) }

    /// Asks the server nothing, since the algorithm is named.
    func passwordVerifier(_ password: String, role: String) throws(PostgresError) -> String {
        guard let handle else { throw .closed }
        guard let text = PQencryptPasswordConn(handle, password, role, "scram-sha-256") else {
            throw .misuse("no verifier of a password: \(String(cString: PQerrorMessage(handle)))")
        }
        defer { PQfreemem(text) }
        return String(cString: text)
    }

    /// Says goodbye to the server; never blocks, as nothing is under way.
    func close() {
        guard let handle else { return }
        self.handle = nil
        PQfinish(handle)
    }

    /// Cancels what is under way at the server and drops the connection, without waiting for either.
    ///
    /// A cancelled connection isn't used again, since the request to cancel may arrive late and hit what runs
    /// then.
    func abandon() {
        guard let handle else { return }
        self.handle = nil
        // The notice log may be gone before the connection is.
        PQsetNoticeReceiver(handle, { _, _ in }, nil)
        cpg_abandon(handle)
    }
}

/// A statement as one session has prepared it.
struct PreparedStatement {
    let sql: String
    let types: [UInt32]
}

/// Takes the server's notices, which libpq would print to standard error.
final class NoticeLog {
    private let logger: Logger

    init(_ logger: Logger) { self.logger = logger }

    /// The log has to live for as long as the connection does.
    func receiveNotices(of handle: OpaquePointer) {
        PQsetNoticeReceiver(
            handle,
            { context, result in
                guard let context, let result else { return }
                let log = Unmanaged<NoticeLog>.fromOpaque(context).takeUnretainedValue()
                log.record(ServerError(result))
            }, Unmanaged.passUnretained(self).toOpaque())
    }

    private func record(_ notice: ServerError) {
        logger.debug(
            "postgres notice",
            metadata: [LogKey.sqlState: notice.sqlState.rawValue, "db.notice": notice.message])
    }
}

extension ServerError {
    /// Reads the fields of an error or a notice, the ones that hold no values.
    init(_ result: OpaquePointer) {
        func field(_ code: Character) -> String? {
            guard let ascii = code.asciiValue else { return nil }
            return PQresultErrorField(result, Int32(ascii)).map { String(cString: $0) }
        }
        let state = field("C") ?? ""
        // Without a SQLSTATE it was libpq that made the error, and it puts everything into one text.
        let message = field("M") ?? oneLine(String(cString: PQresultErrorMessage(result)))
        self.init(
            sqlState: SQLState(rawValue: state),
            message: state.hasPrefix("22") ? withoutQuotation(message) : message,
            constraint: field("n"), table: field("t"),
            isStalePlan: state == "26000" || field("R") == "RevalidateCachedQuery")
    }
}

/// Libpq ends its messages with a line break, has several lines when it tried several addresses, and indents
/// those in which it guesses at reasons.
func oneLine(_ message: String) -> String {
    message.split(separator: "\n").filter { !$0.hasPrefix("\t") }.joined(separator: "; ")
}

/// Cuts off what class 22 quotes after a colon: `invalid input syntax for type uuid: "…"`.
private func withoutQuotation(_ message: String) -> String {
    var end = message.startIndex
    while end < message.endIndex {
        if message[end...].hasPrefix(": \"") { return String(message[..<end]) }
        end = message.index(after: end)
    }
    return message
}
