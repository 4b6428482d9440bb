import Kernel
import PaymentsDomain

/// A payment as clients see it.
struct PaymentView: Encodable, Sendable {
    let orderId: Identifier
    let status: String
    /// Absent where the order was cancelled before there was anything to pay.
    let amount: Money?

    init(_ payment: StoredPayment) {
        self.orderId = payment.orderID
        self.status = payment.state.status.publicName
        self.amount = payment.state.charge?.amount
    }
}
