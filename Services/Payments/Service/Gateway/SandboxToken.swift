/// What the sandbox does with a call, told by the payment token, as real gateways' test cards do.
enum SandboxToken: Hashable, Sendable {
    /// Captured at once.
    case captured
    /// Captured, but the answer takes its time.
    case slow
    /// Declined at once.
    case declined(reason: String)
    /// The money is taken, but the first call never hears of it.
    case capturedUnheard
    /// The first call never arrives; a second one is as good as a first.
    case lost
    /// The first call gets a 5xx.
    case failsOnce

    /// A token that is none of these is declined: money is not taken on a token nobody knows.
    init(_ token: String) {
        switch token {
        case "tok_ok": self = .captured
        case "tok_slow": self = .slow
        case "tok_declined": self = .declined(reason: "insufficient_funds")
        case "tok_timeout_captured": self = .capturedUnheard
        case "tok_timeout_lost": self = .lost
        case "tok_error_once": self = .failsOnce
        default: self = .declined(reason: "unknown_token")
        }
    }

    /// Whether the first call with a key goes wrong before it does anything.
    var failsFirst: Bool {
        switch self {
        case .lost, .failsOnce: true
        case .captured, .slow, .declined, .capturedUnheard: false
        }
    }

    /// Why no money is taken, or nil if it is.
    var refusal: String? {
        switch self {
        case .declined(let reason): reason
        case .captured, .slow, .capturedUnheard, .lost, .failsOnce: nil
        }
    }
}
