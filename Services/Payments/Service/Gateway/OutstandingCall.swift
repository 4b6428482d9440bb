import Contracts
import Kernel
import PaymentsDomain

/// A call to the gateway whose intent is committed and whose answer is not.
struct OutstandingCall: Sendable {
    let id: ID
    let call: GatewayCall
    /// The event that led to the call: the cause of what its answer leads to.
    let cause: CloudEvent?

    /// An order has at most one call of each kind, so this is its idempotency key at the gateway too.
    struct ID: Hashable, Sendable, Comparable {
        let orderID: Identifier
        let kind: Posting.Kind

        var key: String { "\(orderID):\(kind.rawValue)" }

        static func < (left: ID, right: ID) -> Bool {
            (left.orderID, left.kind.rawValue) < (right.orderID, right.kind.rawValue)
        }
    }

    init(orderID: Identifier, call: GatewayCall, cause: CloudEvent?) {
        self.id = ID(orderID: orderID, kind: call.kind)
        self.call = call
        self.cause = cause
    }

    /// Asks the gateway once, and says what it answered in the words of the decider.
    func ask(_ gateway: some PaymentGateway) async throws(GatewayError) -> PaymentMessage {
        switch call {
        case .capture(let charge):
            let request = CaptureRequest(
                key: id.key, orderID: id.orderID, amount: charge.amount, token: charge.token)
            switch try await gateway.capture(request) {
            case .captured: return .gatewayCaptured
            case .declined(let reason): return .gatewayDeclined(reason: reason)
            }
        case .refund(let charge):
            let capture = ID(orderID: id.orderID, kind: .capture)
            try await gateway.refund(
                RefundRequest(key: id.key, captureKey: capture.key, amount: charge.amount))
            return .gatewayRefunded
        }
    }
}

extension GatewayCall {
    var kind: Posting.Kind {
        switch self {
        case .capture: .capture
        case .refund: .refund
        }
    }
}
