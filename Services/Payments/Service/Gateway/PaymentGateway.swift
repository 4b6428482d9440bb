import Kernel

/// The company that moves the money, as a client of its API sees it.
///
/// Each call carries a key, and the company acts once per key: asked again, it repeats its answer. So whoever
/// did not hear an answer asks again with the same key, and never concludes anything from silence.
protocol PaymentGateway: Sendable {
    /// Takes money.
    ///
    /// Ends after the time limit it was made with, whatever the other side does, and soon after its task is
    /// cancelled.
    ///
    /// - Throws: `GatewayError`; the money may or may not have been taken, so ask again.
    func capture(_ request: CaptureRequest) async throws(GatewayError) -> CaptureAnswer

    /// Gives back what a capture took; "it went back already" is success.
    ///
    /// - Throws: `GatewayError`; the money may or may not have gone back, so ask again.
    func refund(_ request: RefundRequest) async throws(GatewayError)
}

struct CaptureRequest: Sendable {
    let key: String
    /// For the company's own statements; the key alone decides what is the same call.
    let orderID: Identifier
    let amount: Money
    let token: String
}

struct RefundRequest: Sendable {
    let key: String
    /// The key of the capture whose money goes back.
    let captureKey: String
    let amount: Money
}

enum CaptureAnswer: Hashable, Sendable {
    case captured
    /// Final, with the company's word for why, such as `insufficient_funds`.
    case declined(reason: String)
}

/// Why there is no answer.
///
/// None of them says anything about the money.
enum GatewayError: Error, Hashable {
    case timedOut
    /// It answered that it can't answer now: a 5xx.
    case unavailable
    /// It does not understand the call, which is somebody's bug: a person has to look, and until then it is
    /// repeated.
    case refused(String)
}
