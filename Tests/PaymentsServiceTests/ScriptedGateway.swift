import Messaging
import PaymentsDomain
import Synchronization

@testable import PaymentsService

/// A gateway that does what a test says, and remembers what it was asked.
final class ScriptedGateway: PaymentGateway {
    typealias Answer = @Sendable (_ attempt: Int) throws(GatewayError) -> CaptureAnswer

    private let captures = Mutex<[String]>([])
    private let refunds = Mutex<[String]>([])
    private let isHeld: Mutex<Bool>
    private let answer: Answer

    /// - Parameters:
    ///   - isHeld: keeps answers back until `release()`.
    ///   - answer: to a capture; by default it is captured.
    init(isHeld: Bool = false, answer: @escaping Answer = { _ in .captured }) {
        self.isHeld = Mutex(isHeld)
        self.answer = answer
    }

    var captureKeys: [String] { captures.withLock { $0 } }
    var refundKeys: [String] { refunds.withLock { $0 } }

    func release() { isHeld.withLock { $0 = false } }

    func capture(_ request: CaptureRequest) async throws(GatewayError) -> CaptureAnswer {
        let attempt = captures.withLock { keys in
            keys.append(request.key)
            return keys.count { $0 == request.key }
        }
        try await hold()
        return try answer(attempt)
    }

    func refund(_ request: RefundRequest) async throws(GatewayError) {
        refunds.withLock { $0.append(request.key) }
        try await hold()
    }

    private func hold() async throws(GatewayError) {
        while isHeld.withLock({ $0 }) {
            do { try await Task.sleep(for: .milliseconds(2)) } catch { throw .timedOut }
        }
    }
}
