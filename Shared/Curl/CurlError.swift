/// Why a request or a mail didn't get through.
package enum CurlError: Error, Hashable, CustomStringConvertible {
    /// The URL, an address or a header is not of the form it must have; trying again is no use.
    case invalid(String)
    /// Nobody answers there: no such host, nothing listening, TLS refused. Try again later.
    case unreachable(String)
    /// No answer in time; it may or may not have been done.
    case timedOut
    /// The answer is longer than the client takes.
    case answerTooLarge
    /// The mail server said no, with its code: 400 to 499 mean "later", 500 to 599 "never".
    case refused(code: Int)
    /// The task was cancelled.
    case cancelled
    /// Anything else of libcurl's, such as a connection that broke. Try again.
    case failed(code: Int, String)

    /// Whether the same may work later.
    package var isRetriable: Bool {
        switch self {
        case .unreachable, .timedOut, .failed: true
        case .refused(let code): code < 500
        case .invalid, .answerTooLarge, .cancelled: false
        }
    }

    package var description: String {
        switch self {
        case .invalid(let what): "invalid: \(what)"
        case .unreachable(let reason): "unreachable: \(reason)"
        case .timedOut: "timed out"
        case .answerTooLarge: "the answer is too large"
        case .refused(let code): "refused by the mail server with \(code)"
        case .cancelled: "cancelled"
        case .failed(let code, let reason): "failed (curl \(code)): \(reason)"
        }
    }
}
